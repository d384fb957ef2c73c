// The program around the kernels: reads memory and launches from its input, runs them one after the
// other, and writes the memory to its output.

static float widen(half element) { return same_bits<_Float16>(element.bits); }
static uint16_t half_bits(float number) { return same_bits<uint16_t>(static_cast<_Float16>(number)); }

static void fail(const char *reason) {
    fprintf(stderr, "emulator: %s\n", reason);
    exit(1);
}

static void run_fiber() {
    function(parameters);
    fibers[current].wait = DONE;
    swapcontext(&fibers[current].context, &scheduler);
}

static void prepare(Fiber &fiber, Index thread) {
    fiber.stack.resize(128 * 1024);
    fiber.thread = thread;
    fiber.wait = RUNNING;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.data();
    fiber.context.uc_stack.ss_size = fiber.stack.size();
    makecontext(&fiber.context, run_fiber, 0);
}

// Lets every thread run until it waits; false when all are done.
static bool round_of(uint32_t threads, bool backwards) {
    uint32_t waiting = 0, at_barrier = 0;
    for (uint32_t count = 0; count < threads; ++count) {
        current = backwards ? threads - 1 - count : count;
        Fiber &fiber = fibers[current];
        if (fiber.wait == DONE) continue;
        threadIdx = fiber.thread;
        swapcontext(&scheduler, &fiber.context);
        waiting += fiber.wait != DONE;
        at_barrier += fiber.wait == BLOCK;
    }
    if (at_barrier != 0 && at_barrier != waiting) fail("threads part at a barrier");
    return waiting != 0;
}

static void run_block(bool backwards) {
    uint32_t threads = 0;
    for (uint32_t z = 0; z < blockDim.z; ++z)
        for (uint32_t y = 0; y < blockDim.y; ++y)
            for (uint32_t x = 0; x < blockDim.x; ++x) prepare(fibers.at(threads++), {x, y, z});
    while (round_of(threads, backwards)) {}
}

// Blocks from the first to the last, or the other way: who writes what is another's is overwritten by
// it in one of them only.
static void run_grid(Index grid, bool backwards) {
    uint64_t blocks = static_cast<uint64_t>(grid.x) * grid.y * grid.z;
    for (uint64_t count = 0; count < blocks; ++count) {
        uint64_t at = backwards ? blocks - 1 - count : count;
        blockIdx.x = at % grid.x;
        blockIdx.y = at / grid.x % grid.y;
        blockIdx.z = at / grid.x / grid.y;
        run_block(backwards);
    }
}

static void get(void *to, size_t bytes) {
    if (bytes != 0 && fread(to, bytes, 1, stdin) != 1) fail("its input ends early");
}

template <class T> static T get() {
    T value;
    get(&value, sizeof value);
    return value;
}

static void launch(bool backwards) {
    std::vector<char> name(get<uint32_t>() + 1);
    get(name.data(), name.size() - 1);
    Index grid = get<Index>();
    blockDim = get<Index>();
    std::vector<uint64_t> words(get<uint32_t>() / 8);
    get(words.data(), words.size() * 8);
    parameters = words.data();
    for (const Named &named : FUNCTIONS) {
        if (strcmp(named.name, name.data()) != 0) continue;
        if (named.bytes != words.size() * 8) fail("parameters of another length");
        function = named.function;
        return run_grid(grid, backwards);
    }
    fail(name.data());
}

int main() {
    uint64_t base = get<uint64_t>(), bytes = get<uint64_t>();
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    void *wanted = reinterpret_cast<void *>(base);
    void *memory = mmap(wanted, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory != wanted) fail("its memory is taken");
    get(memory, bytes);
    for (uint32_t left = get<uint32_t>(); left > 0; --left) launch(left % 2 == 0);
    if (fwrite(memory, bytes, 1, stdout) != 1) fail("its output is closed");
    return 0;
}
