// Entries of a dimension by their index. launch/gather.rs mirrors the parameters.

struct GatherParameters {
    u64 from;
    u64 to;
    u64 indices;
    Divisor entry;
    Divisor block;
    u32 len;
    u32 items;
};

template <class T, int N> DEVICE void gather(const GatherParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Quotient part = divide(item, p.entry);
    Quotient at = divide(part.whole, p.block);
    u64 width = static_cast<u64>(p.entry.by) * N;
    u64 entry = static_cast<u64>(at.whole) * p.len + pointer<const u32>(p.indices)[at.rest];
    u64 column = static_cast<u64>(part.rest) * N;
    float x[N];
    load(pointer<const T>(p.from) + entry * width + column, x);
    store(x, pointer<T>(p.to) + part.whole * width + column);
}

ENTRIES(gather, GatherParameters)
