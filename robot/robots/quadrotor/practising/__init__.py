"""A drone that practises: it flies, fits its simulator to what it flew, improves its policy there, and takes it on board."""
