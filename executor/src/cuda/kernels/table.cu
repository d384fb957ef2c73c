// Integers of requests, and rows of a table. launch/table.rs mirrors the parameters.

// Where numbers are: in requests, of one or two words each, or side by side as elements.
struct Numbers {
    Place from;
    u64 stride;
    Divisor width;
    u32 words;
};

struct IntegersParameters {
    Numbers numbers;
    u64 to;
    u32 items;
    u32 unused;
};

struct LookupParameters {
    Numbers numbers;
    u64 table;
    u64 to;
    Divisor row;
    u32 rows;
    u32 items;
    u32 unused;
};

DEVICE i64 integer(const Numbers &numbers, u32 index) {
    Quotient at = divide(index, numbers.width);
    const u32 *word = pointer<const u32>(numbers.from) + at.whole * numbers.stride + at.rest * numbers.words;
    u32 low = word[0];
    if (numbers.words == 1) return static_cast<int>(low);
    return static_cast<i64>(static_cast<u64>(word[1]) << 32 | low);
}

template <class T> DEVICE void integers(const IntegersParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    put(static_cast<float>(integer(p.numbers, item)), pointer<T>(p.to) + item);
}

// Which row of so many is meant; below zero they are counted from the end. -1: none.
template <class T> DEVICE i64 row_of(const Numbers &numbers, u32 index, u32 rows) {
    if (numbers.words == 0) {
        float number = widen(pointer<const T>(numbers.from)[index]);
        float counted = number < 0.0f ? number + static_cast<float>(rows) : number;
        return counted >= 0.0f && counted < static_cast<float>(rows) ? static_cast<i64>(counted) : -1;
    }
    i64 number = integer(numbers, index);
    i64 counted = number < 0 ? number + static_cast<i64>(rows) : number;
    return counted >= 0 && counted < static_cast<i64>(rows) ? counted : -1;
}

template <class T, int N> DEVICE void lookup(const LookupParameters &p) {
    u32 item = thread_index();
    if (item >= p.items) return;
    Quotient part = divide(item, p.row);
    u64 width = static_cast<u64>(p.row.by) * N;
    u64 column = static_cast<u64>(part.rest) * N;
    i64 row = row_of<T>(p.numbers, part.whole, p.rows);
    float x[N];
    if (row < 0) {
        fill(x, __int_as_float(0x7fc00000));
    } else {
        load(pointer<const T>(p.table) + static_cast<u64>(row) * width + column, x);
    }
    store(x, pointer<T>(p.to) + part.whole * width + column);
}

ENTRY(integers_f32, IntegersParameters, integers<float>)
ENTRY(integers_f16, IntegersParameters, integers<half>)
ENTRIES(lookup, LookupParameters)
