/* Counts values in buckets whose width is a 32nd of their value or less, as Components/Control/Histogram.swift does. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { BUCKET_COUNT = 928 };

struct histogram {
    uint32_t counts[BUCKET_COUNT];
    uint64_t count, sum, least, greatest;
};

static inline size_t bucket_of(uint64_t value)
{
    if (value < 64)
        return value;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(value);
    size_t bucket = (exponent - 5) * 32 + (value >> (exponent - 5));
    return bucket < BUCKET_COUNT ? bucket : BUCKET_COUNT - 1;
}

static inline uint64_t bucket_start(size_t bucket)
{
    return bucket < 64 ? bucket : (uint64_t)(32 + bucket % 32) << (bucket / 32 - 1);
}

static inline void add_value(struct histogram *histogram, uint64_t value)
{
    histogram->counts[bucket_of(value)]++;
    if (histogram->count++ == 0 || value < histogram->least)
        histogram->least = value;
    if (value > histogram->greatest)
        histogram->greatest = value;
    histogram->sum += value;
}

/* Returns the largest value of the bucket that holds the value at `share` of a million, counted from the least. */
static inline uint64_t percentile(const struct histogram *histogram, uint64_t share)
{
    uint64_t wanted = (histogram->count * share + 999999) / 1000000, passed = 0;
    for (size_t bucket = 0; bucket < BUCKET_COUNT; bucket++) {
        passed += histogram->counts[bucket];
        if (passed >= wanted) {
            uint64_t last = bucket_start(bucket + 1) - 1;
            return last < histogram->greatest ? last : histogram->greatest;
        }
    }
    return histogram->greatest;
}
