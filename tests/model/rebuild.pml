/* What Redis holds of one task: applies, restores in chunks, a rebuild from a compacted changelog, all against a Redis that may
 * fail over to a replica that lags, or lose everything, at any moment. That commits are serial is takeover.pml's part; here a
 * commit is one step, and the fence is taken for granted.
 *
 * Three batches: the first writes the keys 0 and 1, the second writes key 0, the third deletes key 1. A chunk is one record; the
 * first batch is applied and restored in two. Redis: the position's place (none, a batch, or a mark) and the two values. A replica
 * follows now and then and may take the master's place; a worker's connection then breaks, but another task's question may have
 * connected anew, so that a restore does not hear of it.
 * Compaction hides any record that a later one supersedes, and any position record but the last; the deletion itself goes when
 * delete.retention.ms has passed, and then whatever stands in Redis or its replica is too old to go on from.
 * Taken for granted: a restore, and the time between a commit and its apply, are shorter than half of delete.retention.ms.
 * A position is stored with the time of the write, so that one that was written again is another one.
 * Checked: a batch that commits was decided on the fold of exactly the batches before it; at rest Redis is the fold, or knows that
 * it is not.
 *
 * Guards, each removable by -D:
 *   NO_CHUNK_CAS a chunk of a restore does not compare the position first
 *   NO_CAS       nor does an apply
 *   NO_CHECK     states are not loaded together with the position and compared
 *   SAME_MARK    one mark for the whole rebuild, and no mark within a batch, instead of another one after every chunk (what was
 *                built until issue 4)
 *   NO_MARK      a rebuild leaves the position's place empty until its end
 *   NO_WIPE      a rebuild writes over what is there
 *   NO_AGE       a position older than half of delete.retention.ms is gone on from
 * Result (Spin 6.5.2, one core): with one failover or loss 5.1 M states, 15 s; with two 11.9 M; no error; each guard removed gives a
 * counter-example.
 */
#ifndef FAULTS
#define FAULTS 1
#endif
#define BATCHES 3
#define MARK 20            /* and up; 0 = no position; below: the batch, and what tells two writes of its position apart (4, 8, 12) */
#define BATCH(p) ((p) % 4)
#define FOLD0(b) (b > 2 -> 2 : b)
#define FOLD1(b) (b == 1 || b == 2)
#define SUPERSEDED(b, key) ((b == 1 && key == 0 && end >= 2) || (b == 1 && key == 1 && end >= 3))
#define GONE(b, key) (purged && key == 1)
#define WRITES(b, key) (b == 1 || (b == 2 && key == 0) || (b == 3 && key == 1))

byte gen = 0;
byte end = 0;              /* batches committed */
bool purged = false;       /* the deletion is out of the changelog */
byte redis = 0; byte value[2];        /* the position's place; the values, 0 = absent */
bool followed = false; byte replica = 0; byte copy[2];
bool old = false; bool replica_old = false;      /* written before the deletion went */
byte connection = 0;       /* another one when the master changes */
byte stood[2];             /* what each worker left in the position's place, for fresh marks */
byte busy = 0;             /* how many restore, or have committed and not applied yet */
byte faults = 0;

/* One that nobody has, as random bytes are. */
#define FREE(m) (redis != m && replica != m && stood[0] != m && stood[1] != m)
inline fresh_mark(out) {
  if :: FREE(MARK) -> out = MARK
     :: !FREE(MARK) && FREE(MARK + 1) -> out = MARK + 1
     :: !FREE(MARK) && !FREE(MARK + 1) && FREE(MARK + 2) -> out = MARK + 2
     :: !FREE(MARK) && !FREE(MARK + 1) && !FREE(MARK + 2) && FREE(MARK + 3) -> out = MARK + 3
     :: else -> out = MARK + 4
  fi
}
/* The stored position holds the time of the write: one that was written again is another one. */
inline fresh_position(b_, out) {
  if :: FREE(b_) -> out = b_
     :: !FREE(b_) && FREE(b_ + 4) -> out = b_ + 4
     :: !FREE(b_) && !FREE(b_ + 4) && FREE(b_ + 8) -> out = b_ + 8
     :: else -> out = b_ + 12
  fi
}

active proctype world() {
  do
  :: atomic { !followed && faults < FAULTS ->      /* at the moment from which the replica lags */
       followed = true; replica = redis; copy[0] = value[0]; copy[1] = value[1]; replica_old = old; printf("redis: the replica follows\n") }
  :: atomic { followed && faults < FAULTS ->
       faults++; redis = replica; value[0] = copy[0]; value[1] = copy[1]; old = replica_old; connection++;
       followed = false; replica = 0; copy[0] = 0; copy[1] = 0; replica_old = false;
       printf("redis: a replica that lags takes over: position %d, values %d %d\n", redis, value[0], value[1]) }
  :: atomic { faults < FAULTS && redis != 0 -> faults++; redis = 0; value[0] = 0; value[1] = 0; old = false; connection++; printf("redis: is emptied\n") }
  :: atomic { end == 3 && !purged && busy == 0 -> purged = true; old = true; if :: followed -> replica_old = true :: else fi; printf("changelog: the deletion is gone\n") }
  :: timeout -> break
  od
}

/* Writes one value and leaves `leave` in the position's place, if `expect` stands there. */
inline write(expect, compare, key, content, has, leave) {
  if
  :: compare && redis != expect -> ok = false
  :: else -> ok = true;
     if :: has -> value[key] = content :: else fi;
     if :: leave != redis -> old = false :: else fi;
     redis = leave
  fi
}

proctype worker(byte me; bool canfail) {
  byte mygen, hw, b, key, leave, pos; bool ok, good; byte conn;
start:
  atomic { gen++; mygen = gen; stood[me] = 0; pos = 0; good = false; busy++; printf("worker %d: joins\n", me) }
restore:
  atomic { hw = end; stood[me] = redis; b = (redis >= MARK -> MARK : BATCH(redis)); key = 0; ok = false; pos = 0;
    if
#ifdef NO_AGE
#else
    :: b > 0 && b < MARK && old -> b = 0; goto rebuild
#endif
    :: b == 0 || b > hw -> b = 0; goto rebuild      /* none, a mark, or beyond what was read */
    :: b > 0 && b < end && b < MARK -> b = 0; goto rebuild       /* its position record is compacted away */
    #ifdef NO_AGE
    :: b > 0 && b <= hw -> printf("worker %d: restores from batch %d to %d\n", me, b, hw); b++; key = (b == 3); goto read_on
#else
    :: b > 0 && b <= hw && !old -> printf("worker %d: restores from batch %d to %d\n", me, b, hw); b++; key = (b == 3); goto read_on
#endif
    fi }
rebuild:
  atomic {
#ifndef NO_WIPE
    redis = 0; value[0] = 0; value[1] = 0; old = false;
#endif
    printf("worker %d: rebuilds up to batch %d\n", me, hw) }
  atomic {
#ifdef NO_MARK
    stood[me] = 0; ok = true;
#else
    fresh_mark(leave);
#ifdef NO_WIPE
    write(0, false, 0, 0, false, leave);
#else
    write(0, true, 0, 0, false, leave);
#endif
    if :: ok -> stood[me] = leave :: else -> leave = 0; printf("worker %d: somebody else is there\n", me); goto restore fi;
#endif
    leave = 0; b = 1; key = 0 }
read_on:
  do
  :: atomic { b <= hw && WRITES(b, key) && !GONE(b, key) ->      /* a record, by itself a chunk */
#ifdef SAME_MARK
       leave = stood[me];
#else
#ifdef NO_MARK
       leave = stood[me];
#else
       fresh_mark(leave);
#endif
#endif
       if :: key == 1 || b == 2 -> fresh_position(b, leave) :: key == 0 && b == 1 fi;   /* the batch's end: its position; or that is compacted away: */
       if :: leave < MARK && BATCH(leave) == b && b < end && stood[me] >= MARK ->
#ifndef SAME_MARK
#ifndef NO_MARK
             if :: skip :: fresh_mark(leave) fi
#else
             leave = 0
#endif
#else
             if :: skip :: leave = stood[me] fi
#endif
          :: else fi;
#ifdef NO_CHUNK_CAS
       write(stood[me], false, key, (b == 3 -> 0 : b), true, leave);
#else
       write(stood[me], true, key, (b == 3 -> 0 : b), true, leave);
#endif
       if
       :: ok -> ok = false; stood[me] = leave; leave = 0; printf("worker %d: chunk: key %d of batch %d; the position's place is now %d\n", me, key, b, redis)
       :: else -> leave = 0; printf("worker %d: finds the position's place changed\n", me); goto restore
       fi;
       if :: key == 1 || b == 2 -> b++; key = (b == 3) :: else -> key++ fi }
  :: atomic { b <= hw && (GONE(b, key) || SUPERSEDED(b, key)) -> if :: key == 1 -> b++; key = (b == 3) :: else -> key++ fi }
  :: atomic { canfail -> busy--; printf("worker %d: crashes\n", me); b = 0; key = 0; hw = 0; goto done }
  :: atomic { b > hw ->                                          /* the end: the position */
       if :: hw > 0 && stood[me] < MARK && BATCH(stood[me]) == hw -> leave = stood[me] :: hw > 0 && !(stood[me] < MARK && BATCH(stood[me]) == hw) -> fresh_position(hw, leave) :: else -> leave = stood[me] fi;
#ifdef NO_CHUNK_CAS
       write(stood[me], false, 0, 0, false, leave);
#else
       write(stood[me], true, 0, 0, false, leave);
#endif
       if
       :: ok -> ok = false; stood[me] = leave; pos = hw; b = 0; key = 0; hw = 0; leave = 0; break
       :: else -> leave = 0; goto restore
       fi }
  od;
  atomic { busy--; printf("worker %d: is ready at batch %d\n", me, pos) }
  do
  :: pos < BATCHES ->
     atomic {
#ifdef NO_CHECK
       ok = true;
#else
       ok = redis == stood[me];
#endif
       good = value[0] == FOLD0(pos) && value[1] == FOLD1(pos);
       if :: ok :: else -> busy++; good = false; printf("worker %d: Redis has moved\n", me); goto restore fi }
     atomic {
       if
       :: mygen != gen -> printf("worker %d: is fenced\n", me); if :: canfail -> goto done :: else -> goto start fi
       :: mygen == gen -> assert(pos == end); assert(good); end++; busy++; good = false; printf("worker %d: commits batch %d\n", me, end); conn = connection
       fi }
     if :: canfail -> atomic { busy--; conn = 0; pos = 0; printf("worker %d: crashes before it applies\n", me); goto done } :: skip fi;
     pos++;
     if                                                           /* the first batch in two chunks, over one connection */
     :: pos == 1 ->
        atomic {
#ifdef NO_CAS
          write(stood[me], false, 0, 1, true, stood[me])
#else
          write(stood[me], true, 0, 1, true, stood[me])
#endif
        }
     :: else
     fi;
     atomic {
       fresh_position(pos, leave);
       if :: connection != conn -> leave = 0; conn = 0; printf("worker %d: loses its connection\n", me); goto restore :: else -> conn = 0 fi;
#ifdef NO_CAS
       write(stood[me], false, (pos != 2), (pos == 3 -> 0 : pos), true, leave);
#else
       write(stood[me], true, (pos != 2), (pos == 3 -> 0 : pos), true, leave);
#endif
       if :: ok -> busy--; stood[me] = leave; leave = 0; printf("worker %d: applies batch %d\n", me, pos) :: else -> leave = 0; printf("worker %d: cannot apply, Redis has moved\n", me); goto restore fi }
  :: pos == BATCHES -> break
  od;
done: atomic { stood[me] = 0; ok = false; good = false; mygen = 0; pos = 0 }
}
init {
  atomic { run worker(0, true); run worker(1, false) }
  (_nr_pr == 2);
  atomic { assert(end == BATCHES); assert(redis >= MARK || BATCH(redis) != end || (value[0] == FOLD0(end) && value[1] == FOLD1(end))) }
}
