/* A call, its reply, and its end before the reply by a bit of the caller's abort mask or by `ContextControl.abort`.
 *
 * The model covers Kernel+Call.swift (call, send, transfer, sendLater, reply, wait), Notification.swift (raise,
 * deliver), Kernel+Abort.swift (endCall, abortCall, goOn) and Kernel+Helping.swift (leaveOrphan). Calls stay on their
 * core, so that only the bits and the inbox are shared with other cores: a kernel entry of the home core is one step,
 * divided only where it looks at the bits. The inbox is a set here; notification.pml shows that its list keeps that
 * promise. A context runs here if time that is in use leads to it; helping.pml shows that the run queue keeps that
 * promise. See README.md. InterleavingAbortTests plays the same scenario on the code.
 *
 * The home core has three threads: X calls S twice, and S calls T. X and S have a notification each, with bit 1 in the
 * abort mask and bit 2 outside it. Two other cores raise bits, which the home core finds in its inbox, and interrupts
 * of the home core raise bits as well. One core requests that X's call be aborted. S and T may never answer. With
 * BUDGET, the times of S and T have a budget, both may be busy on their own time at first, and X calls once.
 *
 * Claims of `check`, after every entry: a server serves only a context that is calling it; a context that waits does
 * not use its own time; a server whose caller has gone uses its own time only if that has a budget or if bits arrived
 * for the server. Claim of `finish`: each call has one outcome. Claims of `watch`, when no step is possible any more:
 * no context is calling while a bit of its mask is raised; every bit was received or is still set, and then its thread
 * uses its own time; an orphan is unfinished only if no context calls it. The turns in `wait`, when bits and a caller
 * are there, matter only for progress: helping.pml shows their purpose. Here they make S call while bits are pending.
 */
// check: pass
// check: pass -DBUDGET
// check: fail -DFIRST_ONLY   raise posts only if no bit was set before: a bit outside the mask hides one inside
// check: fail -DFAST_SIGNAL  a signal on the home core leaves a calling thread alone (the guard of signalFast)
// check: fail -DNO_CHECK     call does not look for bits that came before
// check: fail -DKEEP_CALLER  abort leaves the server with its caller
// check: fail -DEAT_BITS     abort clears the bits
// check: fail -DKEEP_QUEUED  abort leaves the caller in the server's queue
// check: fail -DORPHAN       an orphan continues on its own time, which has no limit
// check: fail -DKEEP_OWN     a server that waits keeps the time that bits brought
// check: fail -DNO_PENDING   a server that takes a call while bits are pending does not use its own time
// check: fail -DNO_OWN       bits bring no own time to a thread that serves: an orphan never hears of them

#define X 0
#define S 1
#define T 2
#define NONE 3
#define MASK 1                          /* setAbortMask, of X and S */

#define READY 0                         /* RunState */
#define WAITING 1
#define CALLING 2
#define DONE 3                          /* X has made all its calls. */

#ifdef BUDGET
#define hasBudget true                  /* the own time of S, and of T */
#define CALLS 1                         /* the number of X's calls */
#else
#define hasBudget false
#define CALLS 2
#endif

byte bits[2];                           /* Notification.bits of X and S */
bit  queued[2];                         /* Notification.inboxQueued */
bit  inbox[2];                          /* is in the home core's inbox */
bit  abortAsked;                        /* the request of `ContextControl.abort` for X, with its inbox item */
bit  ipi;

byte state[3];                          /* ExecutionContext.state */
byte server[4];                         /* .server (index NONE is written and never read) */
byte caller[4];                         /* .caller */
bit  inQueue[3];                        /* is in server.callers */
bit  own[3];                            /* .usesOwnTime */
bit  wasNotified;                       /* .wasNotified of S: it took bits when it last took something */

/* State of the proof. */
bit  open[3];                           /* has called, and has no outcome yet */
bit  hangs[3];                          /* never answers */
bit  orphan[3];                         /* its caller has gone, and it has not waited since */
bit  news[3];                           /* bits arrived since it last waited */
byte raised[2];
byte heard[2];
byte calls;                             /* of X */

/* Returns whether c is at the end of a chain that begins at time in use: Kernel+Helping.swift, beneficiary. */
#define leadsTo(c, s) (state[c] == CALLING && server[c] == s)
#define helpedS (own[S] || (leadsTo(X, S) && own[X]))
#define helpedT (own[T] || (leadsTo(S, T) && helpedS))
#define helped(c) ((c == X && own[X]) || (c == S && helpedS) || (c == T && helpedT))
#define runs(c) (state[c] == READY && helped(c) && !hangs[c])

/* send: state = .calling; then transfer, or sendLater. */
inline send(c, s) {
    state[c] = CALLING; server[c] = s; open[c] = 1;
    if
    :: state[s] == WAITING -> transfer(c, s)
    :: else -> inQueue[c] = 1
    fi
}

inline transfer(c, s) {
    state[s] = READY; caller[s] = c;
    if :: s == S -> wasNotified = 0 :: else fi
}

/* Records the outcome of a call: there must be just one. */
inline finish(c) {
    assert(open[c] && state[c] == CALLING);
    open[c] = 0; server[c] = NONE; state[c] = READY
}

/* reply of s to its caller. */
inline reply(s) {
    if
    :: caller[s] != NONE ->
        who = caller[s];
        assert(server[who] == s);
        caller[s] = NONE;
        finish(who);
        who = 0
    :: else                             /* replyToNobody: its caller has been aborted */
    fi
}

/* wait of s: takes pending bits or the first queued caller, in turn; else sleeps. */
inline wait(s, first) {
    orphan[s] = 0;
    hasBits = s == S && bits[S] != 0;
    if
    :: hasBits && !(wasNotified && inQueue[first] && server[first] == s) ->
        wasNotified = 1; hear(S); own[S] = 1                        /* useOwnTime */
    :: else ->
        state[s] = WAITING; news[s] = hasBits;
#ifndef KEEP_OWN
        own[s] = 0;                                                 /* restOwnTime */
#endif
        if
        :: inQueue[first] && server[first] == s ->
            inQueue[first] = 0; transfer(first, s);
#ifndef NO_PENDING
            if :: hasBits -> own[s] = 1 :: else fi                  /* useOwnTime */
#endif
        :: else
        fi
    fi;
    hasBits = 0
}

inline hear(n) { heard[n] = heard[n] | bits[n]; bits[n] = 0 }

/* abortCall: c's call ends. c's own time runs c again; a server at work for c becomes an orphan. */
inline abort(c) {
    if
    :: state[c] == CALLING ->
        serv = server[c];
        if
        :: caller[serv] == c ->
#ifndef KEEP_CALLER
            caller[serv] = NONE;
#endif
            orphan[serv] = 1;
#ifdef ORPHAN
            own[serv] = 1
#else
            if :: hasBudget -> own[serv] = 1 :: else fi             /* leaveOrphan */
#endif
        :: else ->
#ifndef KEEP_QUEUED
            inQueue[c] = 0
#endif
        fi;
        finish(c);
        serv = 0
    :: else
    fi
}

/* Notification.swift: deliver, on the home core, in a kernel entry. Bits that end a call stay. */
inline deliver(n) {
    if
    :: (bits[n] & MASK) != 0 ->
#ifdef EAT_BITS
        if :: state[n] == CALLING -> bits[n] = 0 :: else fi;
#endif
        abort(n)
    :: else
    fi;
    if
    :: state[n] == WAITING && bits[n] != 0 -> hear(n); state[n] = READY; own[n] = 1
#ifndef NO_OWN
    :: state[n] != WAITING && state[n] != DONE && bits[n] != 0 -> own[n] = 1
#endif
    :: else
    fi;
    check()
}

inline check() {
    assert(caller[S] == NONE || (state[caller[S]] == CALLING && server[caller[S]] == S && !inQueue[caller[S]]));
    assert(caller[T] == NONE || (state[caller[T]] == CALLING && server[caller[T]] == T && !inQueue[caller[T]]));
    assert(!inQueue[X] || (state[X] == CALLING && server[X] == S));
    assert(!inQueue[S] || (state[S] == CALLING && server[S] == T));
    assert(state[S] != WAITING || (caller[S] == NONE && !own[S]));
    assert(state[T] != WAITING || (caller[T] == NONE && !own[T]));
    assert(!orphan[S] || !own[S] || news[S] || hasBudget);
    assert(!orphan[T] || !own[T] || hasBudget)
}

/* Inbox.swift: drainInbox, of notification n. */
inline take(n) {
    atomic {
        if
        :: inbox[n] -> inbox[n] = 0; took = 1
        :: else -> took = 0
        fi
    };
    if
    :: took -> queued[n] = 0;                           /* inboxQueued.store(0); ordered before the next step */
        atomic { deliver(n) }                           /* bits.set(0), deliver */
    :: else
    fi
}

active proctype home() {
    byte who, serv; bit took, hasBits, early = 1;
    atomic {
        server[X] = NONE; server[S] = NONE; server[T] = NONE;
        caller[X] = NONE; caller[S] = NONE; caller[T] = NONE;
        own[X] = 1;
#ifdef BUDGET
        /* S may be busy on its own time when X calls. */
        if :: state[S] = WAITING :: own[S] = 1 fi;
        if :: state[T] = WAITING :: own[T] = 1 fi;
#else
        state[S] = WAITING; state[T] = WAITING;
#endif
        if :: hangs[S] = 1 :: hangs[T] = 1 :: skip fi
    };
endIdle:
    do
    :: atomic { ipi -> ipi = 0 };
        take(X); take(S);
        atomic { if :: abortAsked -> abortAsked = 0; abort(X); check() :: else fi }
    /* A timer or a bound interrupt raises a bit of X. */
    :: atomic { early -> early = 0; bits[X] = bits[X] | MASK; raised[X] = raised[X] | MASK };
#ifndef FAST_SIGNAL
        atomic { deliver(X) }
#endif
    /* X calls, or takes its bits, or is done. */
    :: atomic { runs(X) && calls < CALLS -> calls++ };
        if
#ifndef NO_CHECK
        :: (bits[X] & MASK) != 0                        /* The bits were set before: `aborted` at once. */
#endif
        :: else -> atomic { send(X, S); check() }
        fi
    :: atomic { runs(X) && bits[X] != 0 -> hear(X) }     /* poll */
    :: atomic { runs(X) && calls == CALLS -> state[X] = DONE; own[X] = 0 }
    /* S calls T while it serves X, or answers and waits. */
    :: runs(S) && caller[S] != NONE ->
        if
#ifndef NO_CHECK
        :: (bits[S] & MASK) != 0
#endif
        :: else -> atomic { send(S, T); check() }
        fi;
        if :: runs(S) -> atomic { reply(S); wait(S, X); check() } :: else fi
    :: atomic { runs(S) -> reply(S); wait(S, X); check() }
    :: atomic { runs(S) && bits[S] != 0 -> hear(S) }                            /* poll */
    :: atomic { runs(T) -> reply(T); wait(T, S); check() }
    od
}

/* Notification.swift: raise on another core; Inbox.swift: post. */
inline raise(n, b) {
    atomic { before = bits[n]; bits[n] = bits[n] | b; raised[n] = raised[n] | b; news[n] = 1 };
    if
#ifdef FIRST_ONLY
    :: before == 0 ->
#else
    :: (b & ~before) != 0 ->                            /* A bit is new: the sink's core has not been told of it. */
#endif
        atomic { was = queued[n]; queued[n] = 1 };
        if
        :: !was -> inbox[n] = 1; ipi = 1
        :: else
        fi
    :: else
    fi;
    before = 0; was = 0
}

active proctype core1() {
    byte before; bit was;
    raise(X, 2);
    raise(S, 1);
    /* contextControl abort of another core's thread: requests.set, post. */
    abortAsked = 1; ipi = 1
}

active proctype core2() {
    byte before; bit was;
    raise(X, 1);
    raise(S, 2)
}

active proctype watch() {
    timeout;
    assert(!(state[X] == CALLING && (bits[X] & MASK)));
    assert(!(state[S] == CALLING && (bits[S] & MASK)));
    assert((heard[X] | bits[X]) == raised[X]);
    assert((heard[S] | bits[S]) == raised[S]);
    assert(bits[S] == 0 || own[S]);
    assert(open[X] == (state[X] == CALLING));
    assert(!orphan[S] || hangs[S] || hangs[T] || state[X] == DONE);
    assert(!ipi && !inbox[X] && !inbox[S])
}
