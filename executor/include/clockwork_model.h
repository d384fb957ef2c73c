/* A model that was compiled ahead of time, as a shared object: version 1.
 *
 * A folder NAME in the worker's library directory (worker.libraries_dir) holds
 *
 *     model.so       exports the four functions below
 *     weights.bin    weights_bytes bytes; absent if there are none
 *
 * and is asked for as NAME. Clockwork owns all memory: it copies the weights to pages of its cache and takes them
 * away again, and hands in inputs, outputs and workspace. A library keeps nothing from one run to the next, starts no
 * threads, allocates nothing while it runs, and takes the same time for the same batch size: durations are measured
 * once and planned with.
 *
 * docs/libraries.md shows how to wrap what other compilers make.
 */
#ifndef CLOCKWORK_MODEL_H
#define CLOCKWORK_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of what follows. Another version is refused when a library is opened. */
#define CLOCKWORK_MODEL_VERSION 1u

/* What a model is. It and all that it points to stays valid and unchanged while the library is open. */
struct clockwork_model {
    uint32_t version;         /* CLOCKWORK_MODEL_VERSION; the first field in every version */
    uint32_t batch_count;     /* how many batch sizes there are: 1 to 64 */
    const uint32_t *batches;  /* in rising order, the first is 1 */
    const char *name;         /* what the model calls itself, UTF-8, at most 255 bytes; for people */
    uint32_t input_bytes;     /* of one request; a positive multiple of 4 */
    uint32_t output_bytes;    /* of one request; a positive multiple of 4 */
    uint64_t weights_bytes;   /* length of weights.bin; a multiple of 4; 0: there is none */
};

/* Says what the model is. Called once, before all else. */
const struct clockwork_model *clockwork_model_describe(void);

/* Bytes of workspace that one run of this batch size needs, at most 2^34. Called once per batch size. */
uint64_t clockwork_model_workspace(uint32_t batch);

/* Runs a batch. Returns 0, or a number that clockwork_model_error explains; then the outputs count for nothing.
 *
 *   weights    weights_bytes, aligned to 4096; only read
 *   inputs     batch * input_bytes, one request after the other, aligned to 256; only read
 *   outputs    batch * output_bytes, one request after the other, aligned to 4; to be written completely
 *   workspace  what clockwork_model_workspace asked for, aligned to 256, with unknown contents
 *
 * No two of them overlap. Called by one thread at a time. */
int32_t clockwork_model_run(uint32_t batch, const void *weights, const void *inputs, void *outputs, void *workspace);

/* Explains what clockwork_model_run returned, in a sentence that stays valid; NULL if there is nothing to say. */
const char *clockwork_model_error(int32_t code);

#ifdef __cplusplus
}
#endif

#endif
