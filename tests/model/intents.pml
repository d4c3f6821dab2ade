/* One call to the outside: an intent of one key, from the batch that asks for it to the batch that takes its reply.
 *
 * Commits are one step here (takeover.pml): of the present owner, or fenced; heard of or not. Modelled: two workers that overlap
 * and come back with what they remember (orphans, found again by the intent's id); a crash at any moment; requests that are
 * refused, never leave, or whose answer is lost, and that act long after their sender has given up or died; a later event whose
 * rule withdraws the intent. A worker that is out of touch with its group sends nothing: "in touch" is taken to end before another
 * one takes over (half the session timeout), and a process is taken not to be stopped between that look and the send.
 * POLICY 0: repeat, the target honours keys; 1: park, it does not; 2: query, one can look up what happened. Policies 1 and 2 commit
 * `started` before the call. Query waits until what an earlier owner sent has surely come to its end.
 * Checked: nothing is sent unless its intent is committed, not answered, not parked, not withdrawn (and `started`, where that is the
 * policy); at most one effect; at the end the intent is answered as it happened, or withdrawn and nothing was sent, or parked; and
 * none is parked but for a lost answer, a crash or a take-over in mid-call.
 *
 * Guards, each removable by -D:
 *   CALL_EARLY       call before the intent has committed
 *   NO_STARTED       `started` is not committed before the call (policies 1, 2)
 *   NO_CONTACT       a worker that is out of touch with its group still sends
 *   FORGET_EARLY     a reply is forgotten when a batch takes it, not when that has committed (policy 1)
 *   WITHDRAW_ANYWAY  a rule may withdraw what may have been sent
 *   TRUST_MEMORY     a task that was away is believed to be as one remembers (policy 2)
 *   TRUST_REFUSAL    a refusal counts although another owner may have been told yes meanwhile (policy 2; what was built until issue 4:
 *                    found by this model)
 *   TRUST_EPOCH      only the group says that a task was away, not the changelog (policy 1 with WRITTEN_OFF)
 *   NO_QUIET         look up at once what an earlier owner may still have on its way (policy 2)
 *   NO_KEYS          repeat at a target that does not honour keys: what the policy park is for (policy 0)
 * With -DWRITTEN_OFF a worker may be in touch with its group and yet not the owner any more, without knowing (its loop stood still past
 * max.poll.interval): then policy 1 still has at most one effect, although what was `started` may be sent after it was parked.
 * Result (Spin 6.5.2, one core): with up to 2 faults and 4 take-overs 1.4 M, 0.6 M (twice) and 1.1 M states, 8 s in all, no error; each
 * guard removed gives a counter-example.
 */
#ifndef POLICY
#define POLICY 0
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef JOINS
#define JOINS 3            /* besides the last, healthy one */
#endif
#if POLICY == 0 || defined(NO_STARTED)
#define COMMITS_STARTED false
#else
#define COMMITS_STARTED true
#endif
#if defined(NO_CONTACT) || defined(WRITTEN_OFF)
#define IN_TOUCH true
#else
#define IN_TOUCH (mygen == gen)
#endif
#ifdef NO_QUIET
#define QUIET true
#else
#define QUIET (net[1 - me] != running && !stray[0] && !stray[1])
#endif
mtype = { none, pending, started, parked, answered, withdrawn };        /* the intent, as the changelog has it */
mtype = { absent, waiting, marking, marked, running, finished };        /* the call, as the worker has it */
mtype = { unknown, ok, refused, not_sent };                             /* its outcome */

byte gen = 0; byte joins = 0; byte faults = 0;
mtype intent = none;
mtype told = unknown;      /* the outcome that was committed */
byte events = 0;           /* decided: the first asks for the call, the second withdraws it */
byte effects = 0; byte sends = 0;
mtype verdict = unknown;   /* with keys: all requests of one key get one answer */
mtype net[2] = absent;     /* each worker's request: running, then ok or refused */
bool stray[2];             /* a request that nobody waits for any more, and that may still act */
bool excuse = false;       /* there was a reason to park */
bool other_wrote[2];       /* the changelog has a batch of another owner since this worker looked: its position's random id says so */
#ifdef WRITTEN_OFF
#define MAY_BE_LATE (mygen != gen)
#else
#define MAY_BE_LATE false
#endif

inline act(answer) {
#if POLICY == 0 && !defined(NO_KEYS)
  if
  :: verdict == unknown -> if :: verdict = ok; effects++ :: verdict = refused fi
  :: else
  fi;
  answer = verdict;
#else
  if :: effects++; answer = ok; verdict = ok :: answer = refused fi;
#endif
  assert(effects <= 1)
}
active proctype target() { mtype answer = unknown;
end:
  do
  :: atomic { net[0] == running -> act(net[0]); printf("target: answers worker 0: %e\n", net[0]) }
  :: atomic { net[1] == running -> act(net[1]); printf("target: answers worker 1: %e\n", net[1]) }
  :: atomic { stray[0] -> stray[0] = false; if :: act(answer); printf("target: acts on a request of worker 0 that nobody waits for: %e\n", answer) :: skip fi; answer = unknown }
  :: atomic { stray[1] -> stray[1] = false; if :: act(answer); printf("target: acts on a request of worker 1 that nobody waits for: %e\n", answer) :: skip fi; answer = unknown }
  od
}

/* 0 = heard that it committed, 1 = it did and one does not hear so, 2 = it did not, and one does not know, 3 = fenced */
inline commit(out) {
  if
  :: mygen != gen -> out = 3
  :: mygen == gen -> out = 0
  :: mygen == gen && canfail && faults < FAULTS -> faults++; out = 1
  :: mygen == gen && canfail && faults < FAULTS -> faults++; out = 2
  fi;
  if :: out < 2 -> other_wrote[1 - me] = true :: else fi
}
inline cut() {             /* the process ends: what is under way goes on without it */
  if :: net[me] == running -> stray[me] = true :: else fi;
  if :: call == running || call == finished || call == marked -> excuse = true :: else fi;
  net[me] = absent; call = absent; sent = false; is_marked = false; asks = false; outcome = unknown; park = false; away = false; is_shared = false
}
/* After a take-over: what is pending is offered to the calls, which may remember it. */
inline offer() {
#ifndef TRUST_EPOCH
  away = away || other_wrote[me];
#endif
  other_wrote[me] = false;
  if
  :: intent == pending || intent == started ->
     is_marked = is_marked || intent == started;
     if
     :: call == absent -> call = waiting; sent = is_marked || !COMMITS_STARTED; asks = sent && POLICY == 2; outcome = unknown; park = false
     :: call != absent ->
#ifndef TRUST_MEMORY
        if :: away && (is_marked || !COMMITS_STARTED) -> sent = true :: else fi;
#endif
        if
#ifdef TRUST_REFUSAL
        :: call == running || call == finished
#else
        :: call == running -> is_shared = is_shared || (away && POLICY == 2)
        :: call == finished && !(away && POLICY == 2 && outcome == refused)
#endif
        :: else -> call = waiting; outcome = unknown; park = false; if :: away -> asks = sent && POLICY == 2 :: else fi
        fi
     fi;
     if :: call == waiting && sent && POLICY == 1 -> call = finished; outcome = unknown; park = true :: else fi
  :: else -> if :: call == running || call == absent :: else -> call = absent fi
  fi;
  away = false
}

proctype worker(bit me; bool canfail) {
  byte mygen, c; mtype call = absent; mtype outcome = unknown;
  bool sent, is_marked, asks, park, away, held, is_shared;
join:
  atomic { gen++; mygen = gen; if :: intent == started -> excuse = true :: else fi; printf("worker %d: joins\n", me) }
take_over:
  atomic { offer(); held = (intent == pending || intent == started); printf("worker %d: takes over, the intent is %e, the call %e\n", me, intent, call) }
  do
  :: atomic { mygen == gen && events == 0 ->                  /* the event that asks for the call */
#ifdef CALL_EARLY
       call = waiting; sent = false; held = true;
#endif
       commit(c);
       if :: c < 2 -> events = 1; intent = pending; printf("worker %d: commits the intent\n", me) :: else fi;
#ifdef CALL_EARLY
       if :: c == 2 && COMMITS_STARTED -> call = running; net[me] = running; sends++; assert(intent == started) :: c == 2 && !COMMITS_STARTED -> net[me] = running; sends++; assert(intent == pending) :: else fi;
#endif
       if :: c == 0 -> call = waiting; sent = false; held = true; c = 0 :: c == 3 -> c = 0; goto lost :: else -> c = 0; goto take_over fi }
  :: atomic { mygen == gen && events == 1 ->                  /* the event that withdraws it */
       commit(c);
       if
       :: c < 2 ->
          events = 2;
          if
#ifdef WITHDRAW_ANYWAY
          :: held && (intent == pending || intent == started) -> intent = withdrawn; printf("worker %d: withdraws\n", me)
#else
          :: held && (intent == pending || intent == started) && !sent && (call == waiting || call == marking || call == marked) -> intent = withdrawn; printf("worker %d: withdraws\n", me)
#endif
          :: else
          fi
       :: else
       fi;
       if :: c == 0 -> if :: intent == withdrawn -> if :: call == running -> call = absent; net[me] = absent; stray[me] = true :: else -> call = absent fi; held = false; sent = false; is_marked = false :: else fi
          :: c == 3 -> c = 0; goto lost
          :: else -> c = 0; goto take_over fi }
  :: atomic { held && call == waiting && COMMITS_STARTED && !is_marked && !asks -> call = marking }
  :: atomic { held && call == marking ->                      /* `started` is committed */
       commit(c);
       if :: c < 2 -> intent = started; printf("worker %d: commits that it starts\n", me) :: else fi;
       if :: c == 0 -> is_marked = true; call = marked :: c == 3 -> c = 0; goto lost :: else -> c = 0; goto take_over fi }
  :: atomic { held && (call == marked || (call == waiting && !asks && (is_marked || !COMMITS_STARTED))) && IN_TOUCH ->
       printf("worker %d: sends\n", me);
       assert(intent == started || (intent == pending && (POLICY == 0)) || MAY_BE_LATE);
       sends++; if :: sends > 2 -> sends = 2 :: else fi;
       call = running; net[me] = running;
       if
       :: skip
       :: canfail && faults < FAULTS -> faults++; net[me] = absent; call = waiting; is_marked = is_marked; printf("worker %d: it did not leave\n", me)
       fi }
  :: atomic { call == waiting && asks && held && mygen == gen && QUIET ->   /* look up */
       if
       :: effects > 0 -> call = finished; outcome = ok; asks = false
       :: else -> asks = false; sent = false; is_shared = false
       fi; printf("worker %d: looks it up, found %d\n", me, effects) }
  :: atomic { call == running && (net[me] == ok || net[me] == refused) ->
       if
       :: !(is_shared && net[me] == refused) -> outcome = net[me]; call = finished; is_shared = false; printf("worker %d: hears %e\n", me, outcome)
       :: is_shared && net[me] == refused -> call = waiting; asks = true; sent = true; printf("worker %d: is refused, but asks whether another owner was not\n", me)
       :: canfail && faults < FAULTS -> faults++; printf("worker %d: the answer is lost\n", me); excuse = true; sent = true;
          if :: POLICY == 0 -> call = waiting :: POLICY == 1 -> call = finished; outcome = unknown; park = true :: POLICY == 2 -> call = waiting; asks = true fi
       fi; net[me] = absent }
  :: atomic { call == running && net[me] == running && !stray[me] && canfail && faults < FAULTS -> /* timeout, but it may still act */
       faults++; net[me] = absent; stray[me] = true; excuse = true; sent = true; printf("worker %d: its call times out\n", me);
       if :: POLICY == 0 -> call = waiting :: POLICY == 1 -> call = finished; outcome = unknown; park = true :: POLICY == 2 -> call = waiting; asks = true fi }
  :: atomic { held && call == finished ->                     /* the reply is an event of a batch */
       commit(c);
       if
       :: c < 2 && (intent == pending || intent == started) ->
          if :: park -> assert(excuse); intent = parked :: else -> intent = answered; told = outcome fi;
          printf("worker %d: commits the reply: %e\n", me, intent)
       :: else
       fi;
#ifdef FORGET_EARLY
       call = absent; sent = false; is_marked = false; park = false;
#endif
       if :: c == 0 -> call = absent; held = false; sent = false; is_marked = false; park = false; outcome = unknown :: c == 3 -> c = 0; goto lost :: else -> c = 0; goto take_over fi }
  :: atomic { !held && call != running && call != absent -> call = absent; asks = false; is_shared = false; outcome = unknown; park = false; sent = false; is_marked = false }   /* an orphan is forgotten */
  :: atomic { mygen != gen && canfail -> printf("worker %d: learns of the rebalance\n", me); goto lost }
  :: atomic { canfail && joins < JOINS -> joins++; held = false; printf("worker %d: crashes\n", me); cut(); goto join }
  :: atomic { mygen == gen && events == 2 && !held && call == absent -> goto done }
  od;
lost:                                    /* what runs and what is known stays, in case the task comes back */
  atomic {
    held = false; away = true; c = 0;
    if :: call == running || call == finished || call == marked || call == waiting && is_marked -> excuse = true :: else fi;
    if
    :: canfail && joins < JOINS -> joins++; goto join
    :: canfail -> cut(); goto done
    :: !canfail -> goto join
    fi }
done: skip
}
init {
  atomic { run worker(0, true); run worker(1, true) }
  (_nr_pr == 2);
  run worker(0, false);
  (_nr_pr == 2);
  atomic { !stray[0] && !stray[1] ->
    assert(intent == answered || intent == parked || intent == withdrawn);
    assert(intent != withdrawn || sends == 0 || effects == 0);
    assert(intent != answered || told != ok || effects == 1);
    assert(intent != answered || told != refused || effects == 0) }
}
