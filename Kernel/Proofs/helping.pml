/* Helping: the core runs servers on the time of their callers. The model has one core.
 *
 * It covers Kernel+Helping.swift, Kernel+Schedule.swift (makeReady, schedule, takeNext), Kernel+Call.swift (send,
 * reply, wait), Kernel+Abort.swift, begin and stop, deliver, the end of a budget and of a period, and the fast paths
 * (callFast, replyWaitFast, wakeFast, waitFast). One core owns all of that state, so a kernel entry is one step.
 * Another core raises S's bits, and this core finds them in its inbox later. See README.md. InterleavingHelpingTests
 * plays the same scenario on the code.
 *
 * There are five threads; the number is the priority of a thread's own time. L is a client with a budget, P spins and
 * signals S, S is a server, T is a server that S and H call, H is a client. P, S and H have a notification each; its
 * bit may be in the abort mask of H and of S. Calls, replies, signals, aborts, stops and starts of S and T happen in
 * any number and order.
 *
 * Claims, after every entry (`check`):
 *  lost      time that leads to a ready context, and is not used up, has the core, or is queued, or is about to be
 *  end       the core runs the end of the chain of the time that has the core
 *  twice     time that has the core is in no queue, and only time of an owner that is ready or calling is in use
 *  orphan    a server whose caller has gone uses its own time only if that has a budget, or if bits arrived for the
 *            server
 *  inversion no chain that leads to a ready context is more urgent than the time that has the core; while H calls,
 *            the core runs only the end of H's chain
 *  news      a thread that was told of bits uses its own time, also while it serves a caller
 *  funded    with NEAR, where a chain can be too long: some other time that is in use reaches its end
 *            (with more servers than here that does not hold: see README.md)
 * With FAIR: each call of H ends, although T and S stop and start, and bits for S arrive without end. Servers reply in
 * finitely many steps there; P may spin for ever, and has a higher priority than L.
 *
 * One kernel entry parks and revives any amount of time here. With PIECES it parks and revives the time of one thread,
 * and the core interrupts itself to continue. `inversion` is claimed there only when the core has nothing left to look
 * at, because less urgent time may run until then.
 */
// check: pass
// check: pass -DNEAR
// check: pass -DBUDGET                    S has a budget of its own
// check: pass -DPIECES                    parkBatch is 1
// check: pass fair
// check: pass fair -DNEAR
// check: pass fair -DPIECES
// check: fail -DNO_REVIVE_BEGIN           begin leaves parked time parked
// check: fail -DNO_REVIVE_END             goOn leaves it parked
// check: fail -DNEAR -DNO_REVIVE_REPLY    finishReply leaves it parked
// check: fail -DNEAR -DFAST_PARKED        the fast reply is taken although time is parked
// check: fail -DPIECES -DNO_REST          reviveSome does not interrupt the core if more is due
// check: fail -DNEAR -DORPHAN_DEPTH       an orphan's depth is 0 at once: it calls so deep that a caller cannot fund it
// check: fail -DNO_RENEW                  a new period does not bring the time back
// check: fail -DKEEP_OWN                  wait leaves usesOwnTime set
// check: fail -DNO_NEWS                   bits wake a waiting thread, and bring no own time to a serving one
// check: fail -DNO_PENDING                a server that takes a call while bits are pending does not use its own time
// check: fail -DFAST_OWN                  the fast reply is taken although the server uses its own time
// check: fail -DFAST_QUEUE                the fast reply is taken although a caller queues
// check: fail -DFAST_CHAIN                the fast wait does not ask whether the next owner is ready
// check: fail -DORPHAN                    an orphan continues on its own time, which has no limit
// check: fail -DSHORT                     beneficiary stops one link early
// check: fail -DSERVED_ONLY               the time of a queued caller helps no server
// check: fail -DNO_MUST                   a caller that queues does not make the core choose again
// check: fail fair -DSERVED_ONLY          the classic inversion: P spins, and L never lets S reply
// check: fail fair -DNO_REVIVE_BEGIN      H waits for ever, while P spins
// check: fail fair -DNEAR -DFAST_PARKED   H waits for ever, because a reply leaves its time parked
// check: fail fair -DNEAR -DORPHAN_DEPTH  H waits for ever at an orphan without time
// check: fail fair -DBITS_FIRST           wait takes bits before callers each time: H waits for ever, while bits come

#define L 0
#define P 1
#define S 2
#define T 3
#define H 4
#define NONE 5

#define STOPPED 0                       /* RunState */
#define READY 1
#define WAITING 2
#define CALLING 3

/* maximumDepth: the length of the longest chain here, H -> S -> T; with NEAR one link less. */
#ifdef NEAR
#define MAX 1
#else
#define MAX 2
#endif
#ifdef SHORT
#define HOPS 1
#else
#define HOPS MAX
#endif

byte state[5];                          /* ExecutionContext.state */
byte server[5] = NONE;                        /* .server */
byte caller[5] = NONE;                        /* .caller */
byte depth[5];                          /* .depth */
bit  own[5];                            /* .usesOwnTime */
bit  stops[5];                          /* .stopsOnReply */
bit  wasNotified;                       /* .wasNotified of S: it took bits when it last took something */
chan callers[2] = [2] of { byte };      /* .callers, of S and T */

byte queue;                             /* Core.runQueue: bit t is set: t's time is queued */
byte parked;                            /* Core.parked: bit t is set: t's time is in the list */
byte due;                               /* .due, as a set. The count is higher after some removals, never lower. */
bit  usedUp[5];                         /* SchedulingContext.isExhausted */
byte time = NONE;                       /* Core.scheduling: the thread whose time has the core */
byte current = NONE;                    /* Core.current */
bit  mustSchedule;

bit  bits[5];                           /* Notification.bits, of S and H */
bit  mask[5];                           /* .abortMask: whether the bit ends a call */
bit  inbox;                             /* S's notification is in the core's inbox */

/* State of the proof. */
bit  orphan[5];                         /* its caller has gone, and it has not waited since */
bit  news[5];                           /* bits arrived since it last waited */
#ifdef FAIR
byte left = 3;                          /* the number of aborts, stops and signals that may still occur */
bit  asked;                             /* S has called T for its present caller */
#endif

/* Variables for the work of one entry; 0 between entries. */
byte ben, steps, top, last, who, serv, whom;
bit  isFunded; byte links, other;
bit  hasBits, isFast;

#define isQueued(t) ((queue >> (t)) & 1)
#define isDue(t) ((due >> (t)) & 1)
#ifdef BUDGET
#define hasBudget(t) ((t) == L || (t) == S)
#else
#define hasBudget(t) ((t) == L)
#endif
#define isServer(t) ((t) == S || (t) == T)
#define queueOf(s) callers[(s) - S]

/* The conditions of the fast paths, and of deliver. */
#define isEmpty(s) (len(queueOf(s)) == 0)
#ifdef FAST_OWN
#define mayReplyFast(s) (isEmpty(s) && bits[s] == 0 && !parked)
#elif defined(FAST_QUEUE)
#define mayReplyFast(s) (!own[s] && bits[s] == 0 && !parked)
#elif defined(FAST_PARKED)
#define mayReplyFast(s) (!own[s] && isEmpty(s) && bits[s] == 0)
#else
#define mayReplyFast(s) (!own[s] && isEmpty(s) && bits[s] == 0 && !parked)
#endif
#ifdef FAST_CHAIN
#define goesOnItself(t) true
#else
#define goesOnItself(t) (state[t] == READY)
#endif
#define queues(s) (isServer(s) && len(queueOf(s)) != 0)
#define mayGetFast(t) (t != NONE && goesOnItself(t))
#define mayWaitFast(s) (bits[s] == 0 && !queues(s) && !mustSchedule && mayGetFast(top))
#define mayWakeFast(c) (!usedUp[c] && c > time && (top == NONE || top < c))
#define mayQueueFast(c) (!usedUp[c] && time != NONE && c < time && !mustSchedule)
#ifdef NO_NEWS
#define mayHear(c) (!own[c] && state[c] == WAITING)
#else
#define mayHear(c) (!own[c] && state[c] != STOPPED)
#endif

/* The choice in wait between pending bits and a caller. */
#ifdef BITS_FIRST
#define isCallersTurn(s) false
#else
#define isCallersTurn(s) (wasNotified && queues(s))
#endif
/* call's check of the depth, and isInChain's of the length. */
#define linksTo(s) (state[s] == CALLING -> 2 : 1)
#define may(c, s) (depth[c] < MAX && linksTo(s) <= MAX)

/* MARK: Kernel+Helping.swift */

inline beneficiary(t) {
    ben = t; steps = 0;
    do
#ifdef SERVED_ONLY
    :: state[ben] == CALLING && steps < HOPS && caller[server[ben]] == ben -> ben = server[ben]; steps++
#else
    :: state[ben] == CALLING && steps < HOPS -> ben = server[ben]; steps++
#endif
    :: else -> break
    od;
    if :: own[t] && state[ben] == READY :: else -> ben = NONE fi;
    steps = 0
}

inline useOwnTime(c) { own[c] = 1; makeReady(c) }

inline restOwnTime(c) {
    own[c] = 0;
    queue = queue & ~(1 << c); unpark(c);
    if :: time == c -> releaseCore() :: else fi
}

inline park(t) { parked = parked | (1 << t) }
inline unpark(t) { parked = parked & ~(1 << t); due = due & ~(1 << t) }

inline reviveParked() { mustSchedule = 1; due = parked }

/* reviveSome: with PIECES, the least urgent comes first, which is the worst order. */
inline reviveSome() {
    do
    :: due != 0 ->
        whom = 0;
        do :: !isDue(whom) -> whom++ :: else -> break od;
        unpark(whom);
        queue = queue | (1 << whom);
        whom = 0;
#ifdef PIECES
#ifndef NO_REST
        if :: due != 0 -> mustSchedule = 1 :: else fi;
#endif
        break
#endif
    :: else -> break
    od
}

inline leaveOrphan(s) {
    mustSchedule = 1; orphan[s] = 1;
    if
#ifndef ORPHAN
    :: hasBudget(s) -> useOwnTime(s)
#else
    :: true -> useOwnTime(s)
#endif
    :: else
    fi
}

/* MARK: Kernel+Schedule.swift */

inline makeReady(t) {
    if
    :: !isQueued(t) && time != t && !usedUp[t] ->
        unpark(t);
        queue = queue | (1 << t);
        if :: time == NONE || t > time -> mustSchedule = 1 :: else fi
    :: else
    fi
}

inline releaseCore() { time = NONE; current = NONE; mustSchedule = 1 }

inline highest() {
    top = NONE;
    if :: isQueued(4) -> top = 4 :: else ->
    if :: isQueued(3) -> top = 3 :: else ->
    if :: isQueued(2) -> top = 2 :: else ->
    if :: isQueued(1) -> top = 1 :: else ->
    if :: isQueued(0) -> top = 0 :: else fi fi fi fi fi
}

/* Finds the end of a chain of any length, and the number of its links. */
inline follow(t) {
    last = t; links = 0;
    do
    :: state[last] == CALLING -> last = server[last]; links++
    :: else -> break
    od
}

/* The end of each entry: resume, schedule. The fast paths have another end. */
inline resume() {
    if
    :: mustSchedule && !isFast ->
        mustSchedule = 0;
        reviveSome();
        ben = NONE;
        if :: time != NONE -> beneficiary(time) :: else fi;
        highest();
        if
        :: ben != NONE && (top == NONE || top < time) -> current = ben
        :: else ->
            if :: ben != NONE -> queue = queue | (1 << time) :: time != NONE && ben == NONE -> park(time) :: else fi;
            time = NONE;
            takeNext()
        fi;
        ben = 0; top = 0
    :: else
    fi;
    isFast = 0;
    check()
}

/* takeNext, takeNextInChain; without PIECES one entry parks all that it finds. */
inline takeNext() {
    current = NONE;
    do
    :: queue != 0 && time == NONE ->
        highest();
        queue = queue & ~(1 << top);
        beneficiary(top);
        if :: ben != NONE -> time = top; current = ben :: else -> park(top) fi;
#ifdef PIECES
        if :: time == NONE && queue != 0 -> mustSchedule = 1 :: else fi;
        break
#endif
    :: else -> break
    od
}

/* MARK: Kernel+Call.swift */

inline send(c, s) {
    state[c] = CALLING; server[c] = s;
    if
    :: state[s] == WAITING -> transfer(c, s); current = s; isFast = 1           /* switchTo; callFast is the same */
    :: else ->
        queueOf(s)!c;
#ifndef NO_MUST
        mustSchedule = 1
#endif
    fi
}

inline transfer(c, s) {
    state[s] = READY; caller[s] = c; depth[s] = depth[c] + 1;
    if :: s == S -> wasNotified = 0 :: else fi
}

/* wait of S and H, and of T, which has no notification. */
inline wait(s) {
    mustSchedule = 1;
    depth[s] = 0; orphan[s] = 0;
    hasBits = bits[s];
    if
    :: hasBits && !isCallersTurn(s) ->
        if :: s == S -> wasNotified = 1 :: else fi;
        bits[s] = 0; useOwnTime(s)
    :: else ->
        state[s] = WAITING; news[s] = hasBits;
#ifndef KEEP_OWN
        restOwnTime(s);
#endif
        if
        :: queues(s) ->
            queueOf(s)?who; transfer(who, s); who = 0;
#ifndef NO_PENDING
            if :: hasBits -> useOwnTime(s) :: else fi
#endif
        :: else
        fi
    fi;
    hasBits = 0
}

/* waitFast, or else replyWait that only waits. */
inline waitOnly(s) {
    highest();
    if
    :: mayWaitFast(s) ->
        state[s] = WAITING; depth[s] = 0; own[s] = 0; orphan[s] = 0; news[s] = 0;
        queue = queue & ~(1 << top);
        time = top; current = top
    :: else -> wait(s)
    fi;
    top = 0
}

/* reply, then the switch of replyWaitFast or finishReply. */
inline reply(s, waits) {
    who = caller[s];
    assert(state[who] == CALLING && server[who] == s);
    caller[s] = NONE; depth[s] = 0; server[who] = NONE; state[who] = READY;
    if
    :: waits && !stops[who] && mayReplyFast(s) ->
        state[s] = WAITING; depth[s] = 0; news[s] = 0; current = who; who = 0
    :: else ->
        if :: stops[who] -> finishStop(who)
#ifndef NO_REVIVE_REPLY
        :: else -> reviveParked()
#else
        :: else
#endif
        fi;
        who = 0;
        mustSchedule = 1;
        if :: waits -> wait(s) :: else -> useOwnTime(s) fi
    fi
}

inline replyWait(s) {
    if
    :: caller[s] != NONE -> reply(s, 1)
    :: else -> waitOnly(s)                                                      /* replyToNobody, or wait */
    fi
}

/* MARK: Kernel+Abort.swift, begin and stop */

inline endCall(c) {
    serv = server[c]; server[c] = NONE;
    mustSchedule = 1;
    if
    :: caller[serv] == c ->
        caller[serv] = NONE;                                                    /* It keeps its depth until it waits. */
#ifdef ORPHAN_DEPTH
        depth[serv] = 0;
#endif
        leaveOrphan(serv)
    :: else -> queueOf(serv)??eval(c)
    fi;
    serv = 0
}

inline abortCall(c) {
    endCall(c);
    if
    :: stops[c] -> finishStop(c)
    :: else -> goOn(c)
    fi
}

/* The rest of goOn. */
inline goOn(c) {
    state[c] = READY;
#ifndef NO_REVIVE_END
    reviveParked()
#endif
}

inline finishStop(c) {
    leaveHardware(c);
    /* abandonCaller */
    serv = c;
    do
    :: caller[serv] != NONE ->
        whom = caller[serv];
        caller[serv] = NONE; depth[serv] = 0; server[whom] = NONE;
        if
        :: stops[whom] -> leaveHardware(whom); serv = whom
        :: else -> goOn(whom)                                                   /* caller[serv] is NONE now */
        fi
    :: else -> break
    od;
    serv = 0; whom = 0
}

inline leaveHardware(c) {
    stops[c] = 0; state[c] = STOPPED; orphan[c] = 0; news[c] = 0;
    restOwnTime(c);
    mustSchedule = 1;
    if :: current == c -> current = NONE :: else fi
}

inline stop(c) {
    if
    :: state[c] == CALLING && caller[server[c]] == c -> stops[c] = 1
    :: state[c] == CALLING && caller[server[c]] != c -> endCall(c); finishStop(c)
    :: state[c] == READY || state[c] == WAITING -> finishStop(c)
    :: else
    fi
}

inline begin(c) {
    if :: state[c] == CALLING -> stops[c] = 0 :: else fi;
    if
    :: state[c] == STOPPED ->
        state[c] = READY; depth[c] = 0;
        useOwnTime(c);
#ifndef NO_REVIVE_BEGIN
        reviveParked()
#endif
    :: else
    fi
}

/* MARK: Notification.swift */

/* raise on this core, or the inbox: deliver. */
inline deliver(c) {
    if :: state[c] == CALLING && bits[c] && mask[c] -> abortCall(c) :: else fi;
    if
    :: bits[c] != 0 && mayHear(c) ->
        if :: state[c] == WAITING -> bits[c] = 0; state[c] = READY :: else fi;
        useOwnTime(c)
    :: else
    fi
}

/* signal by P: wakeFast, else raise. */
inline signal(c) {
    highest();
    news[c] = 1;
    if
    :: state[c] == WAITING && bits[c] == 0 && mayWakeFast(c) ->
        state[c] = READY; own[c] = 1;
        queue = queue | (1 << time);
        time = c; current = c; isFast = 1
    :: state[c] == WAITING && bits[c] == 0 && mayQueueFast(c) ->
        state[c] = READY; own[c] = 1;
        queue = queue | (1 << c); isFast = 1
    :: else -> bits[c] = 1; deliver(c)
    fi;
    top = 0
}

/* Kernel+Budget.swift: renewBudgets */
inline renew(t) {
    usedUp[t] = 0;
#ifndef NO_RENEW
    if :: own[t] -> makeReady(t) :: else fi
#endif
}

/* MARK: Claims */

/* Returns whether the core's interrupt of itself has nothing left to do. */
#ifdef PIECES
#define settled (!mustSchedule)
#else
#define settled true
#endif

inline check() {
#ifndef FAIR
    assert((time == NONE) == (current == NONE));
    assert(!settled || (!mustSchedule && !due));
    assert((parked & queue) == 0 && (due & ~parked) == 0);
    if
    :: time != NONE ->
        follow(time);
        assert(current == last && state[last] == READY);                        /* end */
        assert(own[time] && !isQueued(time) && !usedUp[time]);                  /* twice */
        assert(!orphan[time] || news[time] || hasBudget(time))                  /* orphan */
    :: else
    fi;
    who = 0;
    do
    :: who < NONE ->
        follow(who);
        assert(!own[who] || state[who] == READY || state[who] == CALLING);
        assert(!isQueued(who) || (own[who] && !usedUp[who]));
        if
        :: own[who] && !usedUp[who] && state[last] == READY && links <= MAX ->
            assert(time == who || isQueued(who) || isDue(who));                 /* lost */
            assert(!settled || (time != NONE && time >= who))                   /* inversion */
        :: else
        fi;
#ifdef NEAR
        /* funded */
        if
        :: own[who] && !usedUp[who] && state[last] == READY && links > MAX ->
            other = last;
            whom = 0;
            do
            :: whom < NONE && !isFunded -> follow(whom); isFunded = own[whom] && last == other && links <= MAX; whom++
            :: else -> break
            od;
            assert(isFunded);
            whom = 0; isFunded = 0
        :: else
        fi;
        other = 0;
#endif
        assert(bits[who] == 0 || (who == S && inbox) || own[who] || state[who] == STOPPED);      /* news */
        who++
    :: else -> break
    od;
    who = H; follow(H);
    assert(!settled || state[last] != READY || current == last || links > MAX);     /* inversion, from the view of H */
    last = 0; who = 0; links = 0; other = 0
#else
    skip
#endif
}

/* MARK: Processes */

#define isAborting(c) (bits[c] && mask[c])

/* The running thread makes kernel entries. A thread without work spins; P does little else. */
proctype home() {
    do
    :: d_step { current == L && may(L, S) -> send(L, S); resume() }
#ifdef FAIR
    :: current == P
#else
    :: d_step { current == P && bits[S] == 0 -> signal(S); resume() }
#endif
    :: d_step { current == H && !isAborting(H) && may(H, S) -> send(H, S); resume() }
    :: d_step { current == H && !isAborting(H) && may(H, T) -> send(H, T); resume() }
    :: d_step { current == H -> waitOnly(H); resume() }
    :: d_step { current == P -> waitOnly(P); resume() }
#ifdef FAIR
    :: d_step { current == S && !isAborting(S) && may(S, T) && !asked -> asked = 1; send(S, T); resume() }
    :: d_step { current == S -> asked = 0; replyWait(S); resume() }
#else
    :: d_step { current == S && !isAborting(S) && may(S, T) -> send(S, T); resume() }
    :: d_step { current == S -> replyWait(S); resume() }
    :: d_step { current == S && caller[S] != NONE -> reply(S, 0); resume() }
    :: d_step { current == S && bits[S] != 0 -> bits[S] = 0; isFast = 1; resume() }         /* poll */
#endif
    :: d_step { current == T -> replyWait(T); resume() }
    od
}

/* Another core raises S's bits, and tells this core; timers of this core raise H's and P's. */
proctype signals() {
endSignals:
    do
#ifdef FAIR
    :: d_step { !bits[S] -> bits[S] = 1; inbox = 1 }
    :: d_step { left > 0 && !bits[H] -> left--; bits[H] = 1; deliver(H); resume() }
    :: d_step { state[H] == WAITING -> bits[H] = 1; deliver(H); resume() }
#else
    :: d_step { !bits[S] -> bits[S] = 1; news[S] = 1; inbox = 1 }
    :: d_step { !bits[H] -> bits[H] = 1; deliver(H); resume() }
#endif
    :: d_step { state[P] == WAITING -> bits[P] = 1; deliver(P); resume() }
    od
}

/* The inbox's interrupt, and the core's interrupt of itself; the end of a budget, and of a period. */
proctype interrupts() {
endInterrupts:
    do
    :: d_step { inbox -> inbox = 0; deliver(S); resume() }
    :: d_step { mustSchedule -> resume() }
#ifndef FAIR
    :: d_step { time != NONE && hasBudget(time) -> usedUp[time] = 1; releaseCore(); resume() }
    :: d_step { usedUp[L] -> renew(L); resume() }
    :: d_step { usedUp[S] -> renew(S); resume() }
#endif
    od
}

/* A supervisor that may stop and start the servers, and abort calls. */
proctype controller() {
endController:
    do
#ifdef FAIR
    :: d_step { left > 0 && state[T] != STOPPED -> left--; stop(T); resume() }
    :: d_step { left > 0 && state[S] != STOPPED -> left--; stop(S); resume() }
    :: d_step { left > 0 && state[L] == CALLING -> left--; abortCall(L); resume() }
#else
    :: d_step { state[T] != STOPPED -> stop(T); resume() }
    :: d_step { state[S] != STOPPED && !stops[S] -> stop(S); resume() }
    :: d_step { state[L] == CALLING -> abortCall(L); resume() }
    :: d_step { state[S] == CALLING -> abortCall(S); resume() }
#endif
    :: d_step { state[T] == STOPPED -> begin(T); resume() }
    :: d_step { state[S] == STOPPED || stops[S] -> begin(S); resume() }
    od
}

init {
    atomic {
        state[L] = READY; state[P] = WAITING; state[S] = WAITING; state[T] = WAITING; state[H] = READY;
        useOwnTime(L); useOwnTime(H);
        if :: mask[H] = 1 :: skip fi;
        if :: mask[S] = 1 :: skip fi;
        resume();
        run home(); run signals(); run interrupts(); run controller()
    }
}

#ifdef FAIR
ltl served { [] (state[H] == CALLING -> <> (state[H] != CALLING)) }
#endif
