"""Seeds: unrelated for every purpose, the same in every process."""

from pipeline.seeds import derive_seed


def test_every_part_counts():
    seeds = {
        derive_seed(seed, "execution", trial, attempt)
        for seed in (0, 1, -1, 2**40)
        for trial in ("0000", "0001")
        for attempt in (0, 1)
    }
    assert len(seeds) == 16
    assert derive_seed(0, "ab", "c") != derive_seed(0, "a", "bc")
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_the_same_in_every_process():
    assert derive_seed(0, "execution", "0003", 1) == 3676858573416042700
