#include "sim/trouble.h"

static uint64_t random_state;

void trouble_seed(uint64_t seed)
{
    random_state = seed;
}

int trouble_pick(int count)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t x = random_state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (int)((x ^ (x >> 31)) % (uint64_t)count);
}

void trouble_kafka(void)
{
    static const enum fake_commit ends[] = {FAKE_REFUSES, FAKE_ANSWER_LOST, FAKE_REQUEST_LOST,
                                            FAKE_COMES_LATE};
    switch (trouble_pick(5)) {
    case 0:
        fake_world_rebalance(world);
        break;
    case 1:
        fake_world_rebalance_after(world, 1 + trouble_pick(3));
        break;
    case 2:
        fake_world_hide_partition(world, trouble_pick(PARTITIONS), trouble_pick(2) == 0);
        fake_world_rebalance(world);
        break;
    case 3:
        fake_world_compact(world, "probe.changelog");
        break;
    default:
        fake_world_next_commit(world, ends[trouble_pick(4)]);
    }
}

void trouble_store(void)
{
    switch (trouble_pick(5)) {
    case 0:
        fake_world_store_away(world, 1 + trouble_pick(5));
        break;
    case 1:
        fake_world_next_apply(world, trouble_pick(2) == 0 ? FAKE_REQUEST_LOST : FAKE_ANSWER_LOST);
        break;
    case 2:
        fake_world_store_wipe(world);
        break;
    case 3:
        fake_world_store_remember(world);
        break;
    default:
        fake_world_store_go_back(world);
    }
}

void trouble_ends(void)
{
    fake_world_late_comes(world);
    fake_world_next_commit(world, FAKE_COMMITS);
    fake_world_next_apply(world, FAKE_COMMITS);
    fake_world_store_away(world, 0);
    fake_world_hold_calls(world, false);
    for (int32_t p = 0; p < PARTITIONS; p++)
        fake_world_hide_partition(world, p, false);
    fake_world_rebalance(world);
    for (int i = 0; i < 5; i++) {
        settle();
        fake_world_late_comes(world);
    }
}
