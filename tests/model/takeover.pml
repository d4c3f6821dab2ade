/* One service's tasks over Kafka and Redis: batches, take-over, zombies. From the design's model, grown to what was built.
 *
 * A batch is one Kafka transaction: outputs, changelog records (a position record among them for every task it touches), and
 * offsets, always the anchor's. Redis is a fold of the changelog. A worker takes a task over after an assignment, after a crash,
 * and after any commit whose outcome it does not know; it then trusts nothing that it remembers.
 *
 * Modelled: T tasks (one transaction may cover two, which two workers may own by turns); N records per task; a record that is
 * passed over only in memory (`ahead`) and written down by a later batch; a timer of task 0, whose batch moves no input; two
 * workers that overlap (a zombie, or two members); a rebalance that is noticed late; a crash at any step; an EndTxn that comes
 * late; a commit whose answer is lost; transaction.timeout.ms; markers that reach the offsets topic and each changelog
 * partition at different times; Redis losing a suffix of its writes or everything.
 * Checked: a batch is decided on the fold of exactly the batches committed before it; no torn transaction; every record is
 * answered once and none is skipped, the timer fires once; at rest all is decided and Redis equals the fold.
 * Elsewhere: a restore in chunks and what Redis holds (rebuild.pml), calls (intents.pml).
 *
 * Guards, each removable by -D:
 *   NO_STABLE    take-over does not wait while the anchor has a pending offset
 *   NO_HW        take-over reads the changelog only as far as is visible, not up to its end
 *   NO_CHECK     decide without comparing Redis' position with mine
 *   NO_FENCE     the broker accepts offsets of an old generation
 *   NO_ANCHOR    a batch that moves no input commits no offset: nothing fences it, nobody waits for it
 *   ONE_ANCHOR   a batch over two tasks commits the offsets of one (T=2)
 *   NO_REINIT    after an unknown outcome the same producer goes on instead of being initialised again
 *   REWIND       after an unknown outcome go back to the remembered position instead of taking over
 *   KEEP_NEXT    after a take-over read on from where one was in memory instead of the position record
 *   NO_CAS       apply without comparing the position. Redundant here: it only keeps older values from showing in between;
 *                on a Redis that is being rebuilt it is not (rebuild.pml)
 * Result (Spin 6.5.2, one core): T=1 N=2 with up to 2 faults 1.2 M states, 3 s; with 3 faults 6.8 M; T=2 N=1 with up to 2 faults
 * 4.3 M states, 13 s; no error. Each guard removed, but for NO_CAS, gives a counter-example within 20,000 states (tests/model/run).
 */
#ifndef T
#define T 1
#endif
#ifndef N
#define N 2
#endif
#ifndef FAULTS
#define FAULTS 2          /* of any kinds */
#endif
#define BATCHES (N + 2)
#define FOREIGN(r) (N > 1 && r == 0)    /* not for this service */

byte gen = 0;             /* group generation */
bit owner[T];             /* which worker, in that generation */
byte epoch[2];            /* producer epoch of each worker's transactional id */
byte end[T];              /* how many batches of a task are committed */
byte next[T * BATCHES];   /* the position record of each: next offset */
byte fired = 0;           /* batch of task 0 in which the timer fired; 0 = it is pending */
byte visible[T];          /* how many batches read_committed shows in the changelog */
byte redis[T];            /* which batch Redis stands at */
byte answered[T * N];
typedef Txn {             /* the transaction of one worker's producer */
  byte state;             /* 0 none, 1 open, 2 commit decided, markers not all written */
  byte epoch;
  bool whole;             /* all its records are in */
  bool off_marked;
  bool fires;
  bool has[T]; bool off[T]; bool cl_marked[T];
  byte base[T]; byte from[T]; byte to[T] }
Txn t[2];
bool late = false; bit late_id; byte late_epoch;    /* one EndTxn on its way */
byte faults = 0;
bool lossy = false;       /* Redis has lost something */

#define NEXT(k, b) next[(k) * BATCHES + (b)]
#define PENDING(i, k) (t[i].off[k] && (t[i].state == 1 || (t[i].state == 2 && !t[i].off_marked)))
#define HIDDEN(i, k) (t[i].state == 2 && t[i].has[k] && !t[i].cl_marked[k])

inline end_txn(i) {        /* commit or abort is over */
  t[i].state = 0; t[i].whole = false; t[i].off_marked = false; t[i].fires = false; t[i].epoch = 0;
  for (k : 0 .. T - 1) { t[i].has[k] = false; t[i].off[k] = false; t[i].cl_marked[k] = false; t[i].base[k] = 0; t[i].from[k] = 0; t[i].to[k] = 0 }
}
inline decide_commit(i) {
  t[i].state = 2; assert(t[i].whole);                      /* not torn */
  for (k : 0 .. T - 1) {
    if
    :: t[i].has[k] ->
       assert(t[i].base[k] == end[k]);                    /* decided on exactly what is committed */
       j = NEXT(k, end[k]);
       do                                                  /* passed over in memory: only what is not ours */
       :: j < t[i].from[k] -> assert(FOREIGN(j)); j++
       :: else -> break
       od;
       j = t[i].from[k];
       do
       :: j < t[i].to[k] -> answered[k * N + j]++; assert(answered[k * N + j] == 1); j++
       :: else -> break
       od;
       end[k]++; NEXT(k, end[k]) = t[i].to[k];
       if :: k == 0 && t[i].fires -> assert(fired == 0); fired = end[0] :: else fi
    :: else
    fi
  }
  j = 0
}
inline reveal(k) {         /* last stable offset: nothing behind an unmarked batch is visible */
  visible[k] = end[k];
  if :: HIDDEN(0, k) && t[0].base[k] < visible[k] -> visible[k] = t[0].base[k] :: else fi;
  if :: HIDDEN(1, k) && t[1].base[k] < visible[k] -> visible[k] = t[1].base[k] :: else fi
}
inline all_marked(i) {
  if :: t[i].off_marked && !HIDDEN(i, 0) && !HIDDEN(i, T - 1) -> end_txn(i) :: else fi
}

active proctype broker() { byte j, k; bit i;
  do
  :: atomic { t[0].state == 2 && !t[0].off_marked -> t[0].off_marked = true; all_marked(0); k = 0 }
  :: atomic { t[1].state == 2 && !t[1].off_marked -> t[1].off_marked = true; all_marked(1); k = 0 }
  :: atomic { HIDDEN(0, 0) -> t[0].cl_marked[0] = true; reveal(0); all_marked(0); k = 0 }
  :: atomic { HIDDEN(1, 0) -> t[1].cl_marked[0] = true; reveal(0); all_marked(1); k = 0 }
#if T > 1
  :: atomic { HIDDEN(0, 1) -> t[0].cl_marked[1] = true; reveal(1); all_marked(0); k = 0 }
  :: atomic { HIDDEN(1, 1) -> t[1].cl_marked[1] = true; reveal(1); all_marked(1); k = 0 }
#endif
  :: atomic { late -> late = false; i = late_id;
       if
       :: t[i].state == 1 && t[i].epoch == late_epoch && late_epoch == epoch[i] -> decide_commit(i); printf("broker: the late commit of worker %d counts\n", i)
       :: else -> printf("broker: the late commit of worker %d is refused\n", i)
       fi; i = 0; k = 0; late_epoch = 0 }
  :: atomic { t[0].state == 1 && faults < FAULTS -> faults++; end_txn(0); epoch[0]++; k = 0; printf("broker: aborts worker 0 by transaction.timeout.ms\n") }
  :: atomic { t[1].state == 1 && faults < FAULTS -> faults++; end_txn(1); epoch[1]++; k = 0; printf("broker: aborts worker 1 by transaction.timeout.ms\n") }
  :: atomic { faults < FAULTS && redis[0] > 0 -> faults++; lossy = true; if :: redis[0] = 0 :: redis[0] = redis[0] - 1 fi; printf("redis: task 0 is back at batch %d\n", redis[0]) }
  :: timeout -> break
  od
}

#define TOUCHED(k) (mine[k] && (to[k] != NEXT(k, pos[k]) || (k == 0 && fires)))

inline forget() {          /* nothing is remembered but the membership, and what KEEP_NEXT is about */
  k = 0; do :: k < T -> to[k] = 0; pos[k] = 0; k++ :: else -> break od; k = 0; base = 0; hw = 0; fires = false; ok = false; unknown = false; some = false
}
inline take_membership() {
  mygen = gen; k = 0; some = false;
  do :: k < T -> mine[k] = (owner[k] == me); read[k] = 0; some = some || mine[k]; k++ :: else -> break od; k = 0; held = false
}

/* canfail: it may crash and lose answers; once it is fenced and owns nothing it leaves, and the other one goes on. */
proctype worker(bit me; bool canfail) {
  byte mygen, myepoch, hw, j, k;
  byte pos[T], read[T], to[T], base;
  bool mine[T], fires, ok, unknown, some, held;
start:                                   /* joins: a new generation */
  atomic { gen++;
    owner[0] = me;
#if T > 1
    if :: owner[1] = me :: canfail -> owner[0] = 0; owner[1] = 1 fi;      /* alone, or both are members */
#endif
    forget(); take_membership(); some = false; myepoch = 0;
    printf("worker %d: joins, generation %d\n", me, mygen) }
init_producer:                           /* a new epoch; what was open is aborted */
  atomic { t[me].state != 2 -> epoch[me]++; myepoch = epoch[me]; if :: t[me].state == 1 -> end_txn(me) :: else fi; forget() }
take_over:
  do
  :: k < T && !mine[k] -> k++
  :: k < T && mine[k] ->
#ifndef NO_STABLE
     do                                  /* the broker holds the answer back; an orphan is aborted by its timeout */
     :: atomic { !PENDING(0, k) && !PENDING(1, k) -> break }
     :: atomic { t[1 - me].state == 1 && PENDING(1 - me, k) -> hw = k; end_txn(1 - me); epoch[1 - me]++; k = hw; hw = 0 }
     od;
#endif
#ifdef NO_HW
     atomic { hw = visible[k] }
#else
     atomic { hw = end[k] }              /* the high watermark; then it is read up to there */
     (visible[k] >= hw);
#endif
     atomic { base = redis[k] }          /* where Redis stands; then a compare and set */
     atomic {
       if
       :: base <= hw && redis[k] == base ->
          redis[k] = hw; pos[k] = hw; base = 0; hw = 0;
#ifdef KEEP_NEXT
          if :: held -> skip :: else -> read[k] = NEXT(k, pos[k]) fi;
#else
          read[k] = NEXT(k, pos[k]);
#endif
          printf("worker %d: takes task %d over at batch %d\n", me, k, pos[k]);
          k++
       :: else -> forget(); goto take_over
       fi }
  :: else -> break
  od;
  k = 0; held = true;
again:
  do
  :: atomic { canfail && mygen != gen ->   /* the rebalance is noticed */
       forget(); take_membership();
       if :: some -> some = false; goto take_over :: else -> goto done fi }
  :: atomic { canfail && faults < FAULTS -> faults++; printf("worker %d: crashes\n", me); goto start }
  :: atomic { mine[0] && read[0] < N && FOREIGN(read[0]) -> read[0]++ }   /* passed over: ahead, in memory */
  :: atomic {              /* a batch: what of each task, or the timer; states and position in one command per task */
       t[me].state != 2;   /* my own markers are written first */
       do
       :: k < T ->
          to[k] = read[k];
          if
          :: mine[k] && read[k] < N && !FOREIGN(read[k]) -> if :: to[k] = read[k] + 1 :: T == 1 && read[k] + 2 <= N -> to[k] = read[k] + 2 :: T > 1 fi
          :: else
          fi;
          some = some || (mine[k] && to[k] != NEXT(k, pos[k]));
          k++
       :: else -> break
       od;
       if
       :: T == 1 && mine[0] && (fired == 0 || fired > pos[0]) && to[0] == NEXT(0, pos[0]) -> fires = true; some = true
       :: else
       fi;
       if
       :: !some && mine[0] && read[0] < N && FOREIGN(read[0]) -> read[0]++; k = 0; to[0] = 0; goto again
       :: !some && (!mine[0] || read[0] == N) && (!mine[T - 1] || read[T - 1] == N) -> goto done      /* at rest */
       :: !some && !((!mine[0] || read[0] == N) && (!mine[T - 1] || read[T - 1] == N)) && !(mine[0] && read[0] < N && FOREIGN(read[0])) -> k = 0; goto again
       :: some -> some = false
       fi;
       k = 0; ok = true;
       do
       :: k < T ->
          if
          :: TOUCHED(k) ->
#ifndef NO_CHECK
             ok = ok && redis[k] == pos[k];
#endif
             if :: k == 0 -> base = redis[k] :: else fi
          :: else
          fi; k++
       :: else -> break
       od; k = 0;
       if :: ok :: else -> forget(); printf("worker %d: Redis has moved\n", me); goto take_over fi }
     /* produce (the first record opens the transaction), the offsets with the generation, then the rest */
     atomic {
       ok = myepoch == epoch[me];
#ifndef NO_FENCE
#ifdef NO_ANCHOR
       ok = ok && (mygen == gen || fires);
#else
       ok = ok && mygen == gen;
#endif
#endif
       if
       :: ok ->
          t[me].state = 1; t[me].epoch = myepoch; t[me].fires = fires; t[me].whole = false;
          do
          :: k < T ->
             t[me].has[k] = TOUCHED(k);
             t[me].off[k] = t[me].has[k];
#ifdef NO_ANCHOR
             if :: fires -> t[me].off[k] = false :: else fi;
#endif
#ifdef ONE_ANCHOR
             if :: k == 1 && t[me].has[0] -> t[me].off[k] = false :: else fi;
#endif
             if :: t[me].has[k] -> t[me].base[k] = (k == 0 -> base : pos[k]); t[me].from[k] = read[k]; t[me].to[k] = to[k] :: else fi;
             k++
          :: else -> break
          od; k = 0; base = 0; ok = false;
          printf("worker %d: opens a transaction: task 0 batch %d records %d..%d timer %d\n", me, pos[0], read[0], to[0], fires)
       :: else ->
          printf("worker %d: is fenced\n", me);
          if
          :: !canfail -> goto start
          :: canfail && mygen == gen -> goto done
          :: canfail && mygen != gen -> forget(); take_membership(); if :: some -> some = false; goto init_producer :: else -> goto done fi
          fi
       fi }
     atomic {
       if
       :: t[me].state == 1 && t[me].epoch == myepoch -> t[me].whole = true
       :: !(t[me].state == 1 && t[me].epoch == myepoch) && canfail -> goto done
       :: !(t[me].state == 1 && t[me].epoch == myepoch) && !canfail -> goto start
       :: canfail && faults < FAULTS -> faults++; printf("worker %d: crashes before it commits\n", me); goto start
       fi }
     /* EndTxn: arrives; or is on its way while the worker gives up waiting; or arrives and the answer is lost */
     atomic {
       if
       :: t[me].state == 1 && t[me].epoch == myepoch && myepoch == epoch[me] && t[me].whole ->
          decide_commit(me); k = 0; ok = true; printf("worker %d: commits\n", me);
          if :: faults < FAULTS && canfail -> faults++; ok = false; unknown = true; printf("worker %d: and does not hear so\n", me) :: skip fi
       :: canfail && !late && faults < FAULTS -> faults++; late = true; late_id = me; late_epoch = myepoch; unknown = true; printf("worker %d: its commit request is late\n", me)
       :: !(t[me].state == 1 && t[me].epoch == myepoch && myepoch == epoch[me] && t[me].whole) && canfail -> goto done
       :: !(t[me].state == 1 && t[me].epoch == myepoch && myepoch == epoch[me] && t[me].whole) && !canfail -> goto start
       fi }
     if
     :: unknown ->
#ifdef REWIND
        atomic { t[me].state != 2 -> epoch[me]++; myepoch = epoch[me]; if :: t[me].state == 1 -> end_txn(me) :: else fi; hw = pos[0]; forget(); pos[0] = hw; hw = 0; read[0] = NEXT(0, pos[0]) }
#else
#ifdef NO_REINIT
        atomic { if :: t[me].state == 1 && t[me].epoch == myepoch -> end_txn(me) :: else fi; forget(); goto take_over }   /* abort, same producer */
#else
        goto init_producer
#endif
#endif
     :: !unknown ->
        atomic {
          if
          :: canfail && faults < FAULTS -> faults++; printf("worker %d: crashes before it applies\n", me); goto start
          :: skip
          fi;
          do
          :: k < T ->
             if
             :: TOUCHED(k) ->
#ifdef NO_CAS
                redis[k] = pos[k] + 1;
#else
                if :: redis[k] == pos[k] -> redis[k] = pos[k] + 1 :: else fi;
#endif
                read[k] = to[k]; pos[k]++
             :: else
             fi;
             k++
          :: else -> break
          od; k = 0; do :: k < T -> to[k] = 0; k++ :: else -> break od; k = 0; fires = false; ok = false }
     fi
  od;
done: skip
}
init { byte k;
  atomic { run worker(0, true); run worker(1, true) }
  (_nr_pr == 2);
  run worker(0, false);
  (_nr_pr == 2);
  atomic {
    k = 0;
    do
    :: k < T ->
       (visible[k] == end[k]);
       assert(NEXT(k, end[k]) == N);
       k++
    :: else -> break
    od;
    assert(T > 1 || fired > 0);
    assert(redis[0] == end[0] || lossy) }
}
