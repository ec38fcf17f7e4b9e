/* A call, its reply, and what ends it before: a bit of the caller's abort mask, or `ContextControl.abort`.
 *
 * What is modelled: Kernel+Call.swift (call, send, transfer, sendLater, reply, wait), Notification.swift (raise, deliver),
 * and the abort itself. Calls stay on their core, so everything but the bits and the inbox is the home core's alone: a
 * kernel entry is one step there, cut only where it looks at the bits. The inbox is a set here; that its list keeps that
 * promise is shown in notification.pml. See README.md.
 *
 * Three threads of the home core: X calls S, S calls T. X and S have a notification each, with bit 1 in the abort mask and
 * bit 2 outside it. Two other cores raise bits, and so do interrupts of the home core; one asks for X's call to be aborted.
 * S and T may never answer. With OWN_TIME, S and T have scheduling contexts of their own.
 *
 * Claims. In `check`, after every entry: whom a server serves is calling that server; no scheduling context is held
 * twice; a caller that goes on has its time back. In `finish`: one outcome for each call. In `watch`, when nothing moves
 * any more: nobody is still calling with a bit of its mask raised, and every bit is heard or still there.
 */
// check: pass
// check: pass -DOWN_TIME
// check: fail -DFIRST_ONLY   raise posts only if no bit was set before: a bit outside the mask hides one inside
// check: fail -DFAST_SIGNAL  a signal on the home core leaves a calling thread alone (the guard of signalFast)
// check: fail -DNO_CHECK     call does not look for bits that came before
// check: fail -DKEEP_CALLER  abort leaves the server with its caller
// check: fail -DEAT_BITS     abort clears the bits
// check: fail -DKEEP_QUEUED  abort leaves the caller in the server's queue
// check: fail -DOWN_TIME -DGIVE_AWAY   reply hands on whatever time the server runs on, even its own
// check: fail -DSHALLOW      abort takes the time from the server, not from the end of the chain

#define X 0
#define S 1
#define T 2
#define NONE 3
#define MASK 1                          /* setAbortMask, of X and S */

#define READY 0                         /* RunState */
#define WAITING 1
#define CALLING 2
#define DONE 3                          /* X has made all its calls */

byte bits[2];                           /* Notification.bits of X and S */
bit  queued[2];                         /* Notification.inboxQueued */
bit  inbox[2];                          /* is in the home core's inbox */
bit  abortAsked;                        /* the request of `ContextControl.abort` for X, with its inbox item */
bit  ipi;

byte state[3];                          /* ExecutionContext.state */
byte server[4];                         /* .server (index NONE is a place to write to and never read) */
byte caller[4];                         /* .caller */
bit  inQueue[3];                        /* is in server.callers */
bit  lends[3];                          /* queues, and the end of the server's chain has its time */
byte time[4];                           /* .scheduling: 0 none, else whose: 1 X's, 2 S's, 3 T's */
byte own[3];                            /* .home */

/* Of the proof. */
bit  open[3];                           /* has called, without an outcome yet */
bit  hangs[3];                          /* never answers */
byte raised[2];
byte heard[2];
byte calls;                             /* of X */

/* The end of the chain that `from` is in: who has the time that was lent to `from`. It goes on through a call that
 * queues, if that has lent its time to a server that had none. */
inline findEnd(from) {
    end = from;
#ifndef SHALLOW
    do
    :: state[end] == CALLING && (caller[server[end]] == end || lends[end]) -> end = server[end]
    :: else -> break
    od
#endif
}

/* send: state = .calling; then transfer, or sendLater. A server that has no time gets the queueing caller's. */
inline send(c, s) {
    state[c] = CALLING; server[c] = s; open[c] = 1;
    if
    :: state[s] == WAITING -> transfer(c, s)
    :: else ->
        inQueue[c] = 1;
        findEnd(s);
        if
        :: time[end] == 0 && state[end] == READY -> time[end] = time[c]; time[c] = 0; lends[c] = 1
        :: else
        fi
    fi
}

inline transfer(c, s) {
    state[s] = READY; caller[s] = c;
    if
    :: lends[c] -> lends[c] = 0         /* the server has its time already */
    :: else -> time[s] = time[c]; time[c] = 0
    fi
}

/* The outcome of a call: there must be just one. */
inline finish(c) {
    assert(open[c] && state[c] == CALLING);
    open[c] = 0; server[c] = NONE; state[c] = READY
}

/* reply of s to its caller: gives back what was lent, not what is the server's own. */
inline reply(s) {
    if
    :: caller[s] != NONE ->
        who = caller[s];
        assert(server[who] == s);
        caller[s] = NONE;
        finish(who);
        if
#ifndef GIVE_AWAY
        :: time[s] == own[s] && time[s] != 0 -> time[who] = own[who]
#endif
        :: else -> time[who] = time[s]; time[s] = 0
        fi;
        if :: time[who] == 0 -> time[who] = own[who] :: else fi;
        who = 0
    :: else                             /* badState: its caller has been aborted */
    fi
}

/* wait of s: the first queued caller, else sleep. */
inline wait(s, first) {
    state[s] = WAITING;
    if
    :: inQueue[first] && server[first] == s -> inQueue[first] = 0;
        if :: !lends[first] -> time[s] = 0 :: else fi;
        transfer(first, s)
    :: else -> time[s] = 0
    fi
}

/* The abort: c's call ends. Its time comes back from the end of the chain, which goes on on time of its own chain. */
inline abort(c) {
    if
    :: state[c] == CALLING ->
        serv = server[c];
        findEnd(serv);
        if
        :: time[c] == 0 && (lends[c] || caller[serv] == c) && time[end] != own[end] ->
            time[c] = time[end]; time[end] = 0;
            lends[S] = 0                /* whoever queues below has nothing to lend any more */
        :: else
        fi;
#ifndef KEEP_CALLER
        if :: caller[serv] == c -> caller[serv] = NONE :: else fi;
#endif
#ifndef KEEP_QUEUED
        inQueue[c] = 0;
#endif
        lends[c] = 0;
        finish(c);
        if :: time[c] == 0 -> time[c] = own[c] :: else fi;
        /* The chain below goes on on the first own time from its end upwards, if there is any. */
        who = end;
        do
        :: time[end] != 0 -> break
        :: time[end] == 0 && own[who] != 0 && state[who] != DONE -> time[end] = own[who]; break
        :: time[end] == 0 && own[who] == 0 && caller[who] != NONE -> who = caller[who]
        :: time[end] == 0 && own[who] == 0 && caller[who] == NONE -> break
        od;
        who = 0; serv = 0; end = 0
    :: else
    fi
}

/* Notification.swift: deliver, with the abort: on the home core, in a kernel entry. Bits stay. */
inline deliver(n) {
    if
    :: (bits[n] & MASK) != 0 ->
#ifdef EAT_BITS
        if :: state[n] == CALLING -> bits[n] = 0 :: else fi;
#endif
        abort(n)
    :: else
    fi;
    check()
}

inline check() {
    assert(caller[S] == NONE || (state[caller[S]] == CALLING && server[caller[S]] == S && !inQueue[caller[S]]));
    assert(caller[T] == NONE || (state[caller[T]] == CALLING && server[caller[T]] == T && !inQueue[caller[T]]));
    assert(!inQueue[X] || (state[X] == CALLING && server[X] == S));
    assert(!inQueue[S] || (state[S] == CALLING && server[S] == T));
    assert(time[X] == 0 || (time[X] != time[S] && time[X] != time[T]));
    assert(time[S] == 0 || time[S] != time[T]);
    assert(state[X] == CALLING || time[X] == 1);
    /* Whose time somebody else has is calling. */
    assert(state[X] == CALLING || (time[S] != 1 && time[T] != 1));
    assert(state[S] == CALLING || time[T] != 2);
    assert(time[S] != 3 && time[X] < 2);
    assert(state[S] != WAITING || (caller[S] == NONE && time[S] == 0));
    assert(state[T] != WAITING || (caller[T] == NONE && time[T] == 0));
    end = 0
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

#define runs(c) (state[c] == READY && time[c] != 0 && !hangs[c])

active proctype home() {
    byte end, who, serv; bit took, early = 1;
    atomic {
        server[X] = NONE; server[S] = NONE; server[T] = NONE;
        caller[X] = NONE; caller[S] = NONE; caller[T] = NONE;
        own[X] = 1; time[X] = 1;
#ifdef OWN_TIME
        own[S] = 2; own[T] = 3;
        /* S may be busy on its own time when X calls. */
        if :: state[S] = WAITING :: time[S] = 2 fi;
        if :: state[T] = WAITING :: time[T] = 3 fi;
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
    :: atomic { runs(X) && calls < 2 -> calls++ };
        if
#ifndef NO_CHECK
        :: (bits[X] & MASK) != 0                        /* bits already there: `aborted` at once */
#endif
        :: else -> atomic { send(X, S); check() }
        fi
    :: atomic { runs(X) && bits[X] != 0 -> heard[X] = heard[X] | bits[X]; bits[X] = 0 }     /* poll */
    :: atomic { runs(X) && calls == 2 -> state[X] = DONE }
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
    :: atomic { runs(S) && bits[S] != 0 -> heard[S] = heard[S] | bits[S]; bits[S] = 0 }
    :: atomic { runs(T) -> reply(T); wait(T, S); check() }
    od
}

/* Notification.swift: raise on another core; Inbox.swift: post. */
inline raise(n, b) {
    atomic { before = bits[n]; bits[n] = bits[n] | b; raised[n] = raised[n] | b };
    if
#ifdef FIRST_ONLY
    :: before == 0 ->
#else
    :: (b & ~before) != 0 ->                            /* a bit is new: its sink's core has not heard of it */
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
    assert(open[X] == (state[X] == CALLING));
    assert(!ipi && !inbox[X] && !inbox[S])
}
