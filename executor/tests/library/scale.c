/* A model by hand: every output is its input times a weight plus another. What is defined when it is compiled makes it
 * wrong in one way, for tests. */
#include "clockwork_model.h"

#include <stddef.h>
#include <string.h>

#ifndef VERSION
#define VERSION CLOCKWORK_MODEL_VERSION
#endif
#ifndef INPUT_BYTES
#define INPUT_BYTES (4 * ELEMENTS)
#endif
#ifndef SECOND_BATCH
#define SECOND_BATCH 2
#endif
#ifndef NAME
#define NAME "scale"
#endif
#ifndef WORKSPACE
#define WORKSPACE ((uint64_t)batch * 4 * ELEMENTS)
#endif

enum { ELEMENTS = 8 };

static const uint32_t batches[] = {1, SECOND_BATCH, 4};

static const struct clockwork_model model = {
    .version = VERSION,
    .batch_count = sizeof batches / sizeof *batches,
    .batches = batches,
    .name = NAME,
    .input_bytes = INPUT_BYTES,
    .output_bytes = 4 * ELEMENTS,
    .weights_bytes = 2 * 4 * ELEMENTS,
};

const struct clockwork_model *clockwork_model_describe(void) { return &model; }

uint64_t clockwork_model_workspace(uint32_t batch) { return WORKSPACE; }

#ifndef WITHOUT_RUN
int32_t clockwork_model_run(uint32_t batch, const void *weights, const void *inputs, void *outputs, void *workspace) {
    const float *factor = weights, *shift = factor + ELEMENTS, *in = inputs;
    float *out = outputs, *product = workspace;
    for (size_t i = 0; i < (size_t)batch * ELEMENTS; i++)
        product[i] = in[i] * factor[i % ELEMENTS];
    for (size_t i = 0; i < (size_t)batch * ELEMENTS; i++)
        out[i] = product[i] + shift[i % ELEMENTS];
    return in[0] < 0 ? 7 : 0;
}
#endif

const char *clockwork_model_error(int32_t code) { return code == 7 ? "the first element is negative" : NULL; }
