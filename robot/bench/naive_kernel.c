/* What one would write first. */
#include <math.h>

static void dense(const float *weights, const float *bias, const float *x, float *y, int inputs, int outputs)
{
    for (int o = 0; o < outputs; o++) {
        float sum = bias[o];
        for (int i = 0; i < inputs; i++) {
            sum += weights[i * outputs + o] * x[i];
        }
        y[o] = tanhf(sum);
    }
}

void infer(const float *x, float *y)
{
    static float first[64], second[64];
    dense(weights_1, bias_1, x, first, 146, 64);
    dense(weights_2, bias_2, first, second, 64, 64);
    dense(weights_3, bias_3, second, y, 64, 4);
}
