/* Signals from any core against wait and poll on the sink's core, with the inbox between them.
 *
 * The model covers Notification.swift (raise, tell, deliver, poll), Inbox.swift (post, push, drainInbox) and
 * Kernel+Call.swift (wait; canWaitSimply is its relaxed load). Each access of an AtomicWord is a step. A kernel entry
 * of the home core is a sequence of steps that no interrupt of its own divides. See README.md.
 * InterleavingNotificationTests plays the same scenario on the code.
 *
 * Two notifications, each with a thread of its own, live on the home core; two other cores signal both. The home core
 * writes `queued` by a plain store (AtomicWord.store, a release), which stays in that core's store buffer until its
 * next read-modify-write or until memory takes it. Only here could these paths read past a store.
 *
 * Claims of `watch`, when no step is possible any more: no thread waits while bits are set, every bit was received, and
 * the inbox is empty. Claim of `push`: an item is in the list at most once. Claim of `drain`: the list holds exactly
 * the items that were pushed.
 */
// check: pass
// check: pass -DTWICE -DOWN=3
// check: pass -DSPURIOUS
// check: fail -DNO_ORDER      drainInbox without `bits.set(0)`
// check: fail -DLATE_FLAG     drainInbox clears the flag after it has looked at the bits
// check: fail -DNEXT_AFTER    drainInbox reads the link after it has cleared the flag
// check: fail -DEARLY_IPI     post interrupts before it pushes
// check: fail -DNO_CHECK      wait does not look for bits that came before
// check: fail -DNO_FLAG       post pushes without the flag

#define N 2                             /* notifications */
#ifndef OWN
#define OWN 1                           /* the number of signals and polls of the home core */
#endif

byte bits[N];                           /* Notification.bits */
bit  queued[N];                         /* Notification.inboxQueued, as other cores see it */
bit  buffered[N];                       /* The home core has stored 0 there, and memory does not have it yet. */
byte next[N];                           /* Notification.inboxNext: 0, or 1 + a notification */
byte inbox;                             /* Core.inbox of the home core: the same values */
bit  ipi;                               /* a software interrupt is pending at the home core */
bit  waiting[N];                        /* the sink's state == .waiting */

/* State of the proof, not of the kernel. */
bit  listed[N];                         /* pushed and not yet taken out */
byte heard[N];                          /* the bits that the sink has received */
byte left = OWN;                        /* the signals and polls of the home core that may still occur */

/* A read-modify-write of the home core: its earlier stores are in memory afterwards (release). */
inline flush() {
    queued[0] = queued[0] && !buffered[0]; buffered[0] = 0;
    queued[1] = queued[1] && !buffered[1]; buffered[1] = 0
}

/* Inbox.swift: post(_ notification:to:_:), on another core. */
inline post(n) {
    atomic { was = queued[n]; queued[n] = 1 };          /* guard inboxQueued.exchange(1) == 0 */
#ifdef NO_FLAG
    was = 0;
#endif
    if
    :: was == 0 ->
#ifdef EARLY_IPI
        ipi = 1;
#endif
        push(n);
#ifndef EARLY_IPI
        ipi = 1                                         /* M.interrupt(core) */
#endif
    :: else
    fi
}

/* Inbox.swift: push */
inline push(n) {
    do
    :: old = inbox;                                     /* let old = core.inbox.load() */
       next[n] = old;                                   /* setNext(old) */
       if                                               /* if core.inbox.replace(old, by: tagged) { return } */
       :: atomic { inbox == old ->
            inbox = n + 1;
            assert(!listed[n]);
            listed[n] = 1; old = 0 };
          break
       :: atomic { inbox != old -> old = 0 }
#ifdef SPURIOUS
       :: atomic { inbox == old -> old = 0 }            /* weakCompareExchange may fail for no reason */
#endif
       fi
    od
}

/* Notification.swift: raise, on another core than the sink's. */
inline raiseRemotely(n, b) {
    atomic { before = bits[n]; bits[n] = bits[n] | b }; /* let before = bits.set(bits) */
    if
    :: (b & ~before) != 0 -> post(n)                    /* if bits & ~before != 0 { post(...) } */
    :: else
    fi;
    before = 0; was = 0
}

/* raise on the sink's core; then `deliver`, unless the thread uses its own time already. */
inline raiseHere(n, b) {
    atomic { flush(); bits[n] = bits[n] | b };          /* bits.set(bits) */
    deliver(n)                                          /* if !thread.usesOwnTime ... { tell(core, notification) } */
}

/* Notification.swift: deliver. A thread that does not wait uses its own time from then on, and takes the bits when it
 * waits: helping.pml. */
inline deliver(n) {
    if
    :: waiting[n] ->                                    /* guard ... state == .waiting */
        atomic { flush(); got = bits[n]; bits[n] = 0 }; /* let bits = bits.exchange(0) */
        atomic {
            if
            :: got != 0 -> heard[n] = heard[n] | got; waiting[n] = 0    /* answer; state = .ready */
            :: else                                     /* guard bits != 0 */
            fi;
            got = 0
        }
    :: else
    fi
}

/* Inbox.swift: drainInbox */
inline drain() {
    atomic { flush(); tagged = inbox; inbox = 0 };      /* var tagged = core.inbox.exchange(0) */
    do
    :: tagged != 0 ->
        atomic { item = tagged - 1; assert(listed[item]); listed[item] = 0 };
#ifdef NEXT_AFTER
        buffered[item] = 1;
        tagged = next[item];
#elif defined(LATE_FLAG)
        tagged = next[item];
        atomic { flush(); bits[item] = bits[item] };
        deliver(item);
        buffered[item] = 1;
#else
        tagged = next[item];                            /* tagged = notification.inboxNext */
        buffered[item] = 1;                             /* inboxQueued.store(0) */
#endif
#if !defined(NO_ORDER) && !defined(LATE_FLAG)
        atomic { flush(); bits[item] = bits[item] };    /* bits.set(0) */
#endif
#ifndef LATE_FLAG
        deliver(item)                                   /* tell(core, notification) */
#endif
    :: else -> break
    od;
    item = 0
}

/* Kernel+Call.swift: wait, of thread n */
inline wait(n) {
#ifndef NO_CHECK
    if
    :: bits[n] != 0 ->                                  /* bits.relaxedLoad() != 0 */
        atomic {                                        /* let bits = bits.exchange(0) */
            flush();
            heard[n] = heard[n] | bits[n]; bits[n] = 0
        }
    :: else -> waiting[n] = 1                           /* server.state = .waiting */
    fi
#else
    waiting[n] = 1
#endif
}

/* Notification.swift: poll */
inline poll(n) {
    if
    :: bits[n] != 0 ->                                  /* bits.relaxedLoad() == 0 ? 0 : bits.exchange(0) */
        atomic { flush(); heard[n] = heard[n] | bits[n]; bits[n] = 0 }
    :: else
    fi
}

/* The home core: takes interrupts; its threads, while they do not wait, make kernel entries. */
active proctype home() {
    byte tagged, item, got;
end:
    do
    :: atomic { ipi -> ipi = 0 }; drain()
    :: !waiting[0] -> wait(0)
    :: !waiting[1] -> wait(1)
    :: atomic { !waiting[0] && left > 0 -> left-- }; poll(0)
    :: atomic { !waiting[0] && left > 0 -> left-- }; raiseHere(1, 16)
    /* A timer or a bound interrupt raises bits, in any state of the threads. */
    :: atomic { left == OWN -> left-- }; raiseHere(0, 16)
    od
}

active proctype core1() {
    byte before, old; bit was;
    raiseRemotely(0, 1);
#ifndef TWICE
    raiseRemotely(1, 1)
#else
    raiseRemotely(0, 2)
#endif
}

active proctype core2() {
    byte before, old; bit was;
#ifndef TWICE
    raiseRemotely(1, 4);
#endif
    raiseRemotely(0, 4)
}

/* The contents of the store buffer reach memory at some time. */
active proctype memory() {
end:
    do
    :: atomic { buffered[0] -> queued[0] = 0; buffered[0] = 0 }
    :: atomic { buffered[1] -> queued[1] = 0; buffered[1] = 0 }
    od
}

active proctype watch() {
    timeout;
    assert(waiting[0] && bits[0] == 0);
    assert(waiting[1] && bits[1] == 0);
#ifdef TWICE
    assert((heard[0] & 7) == 7);
#else
    assert((heard[0] & 5) == 5 && (heard[1] & 5) == 5);
#endif
    assert(inbox == 0 && !queued[0] && !queued[1])
}
