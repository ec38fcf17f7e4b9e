/* Binding a notification again while other cores raise it.
 *
 * The model covers `bind` (Kernel+Control.swift), and of Notification.swift `raise` and `tell`, as far as they look at
 * the sink. The inbox between them is a set here (notification.pml has the list). See README.md. InterleavingBindTests
 * plays the same scenario on the code.
 *
 * The notification has no sink at first, then a thread, then a virtual CPU: core 1 binds it twice. Core 2 raises two
 * bits, and the thread's own core, 0, raises two more. Core 0's thread waits, or works for a while and then waits.
 *
 * Claims of `watch`, when no step is possible any more: the last sink has received every bit that was not taken before,
 * so that no bits are left with a virtual CPU or with a thread that waits; no bit was received that was not raised.
 */
// check: pass
// check: pass -DTHREAD_LAST
// check: fail -DNO_LOOK        bind does not look for bits that came before
// check: fail -DNO_TELL        raise without a sink does not look again for one
// check: fail -DNO_RECHECK     raise, for a thread that does not wait, does not look again for another sink
// check: fail -DTHREADS_ONLY   an inbox's notification is delivered only to a thread
// check: fail -DSINK_LATE      bind looks at the bits before it writes the sink

#define NOBODY 0
#define THREAD 1                        /* of core 0 */
#define VCPU   2

byte sink;
byte bits;
bit  inbox;                             /* The notification is in core 0's inbox, and core 0 is interrupted. */
bit  waiting;                           /* the thread's state == .waiting */
bit  pended;                            /* the virtual CPU was interrupted */

/* State of the proof, not of the kernel. */
byte raised;
byte heard;                             /* received by the thread, or by the virtual CPU as an interrupt */

inline pend(some) { atomic { pended = 1; heard = heard | some } }

/* Notification.swift: tell, on core `me` */
inline tell(me) {
    now = sink;
    if
    :: now == NOBODY
    :: now == THREAD && me == 0 -> deliver()
    :: now == THREAD && me != 0 -> inbox = 1            /* post */
    :: now == VCPU ->
        atomic { got = bits; bits = 0 };                /* bits.exchange(0) */
        if :: got != 0 -> pend(got) :: else fi;
        got = 0
    fi;
    now = 0
}

/* Notification.swift: deliver, on core 0 */
inline deliver() {
    if
    :: waiting ->
        atomic { got = bits; bits = 0 };
        if
        :: got != 0 -> atomic { heard = heard | got; waiting = 0 }
        :: else
        fi;
        got = 0
    :: else
    fi
}

/* Notification.swift: raise, on core `me` */
inline raise(me, b) {
    seen = sink;                                        /* let sink = sink.load() */
    if
    :: seen == NOBODY ->
        atomic { bits = bits | b; raised = raised | b };
#ifndef NO_TELL
        tell(me)
#endif
    :: seen == THREAD ->
        atomic { before = bits; bits = bits | b; raised = raised | b };
        if
        :: me != 0 ->
            if :: (before & b) != b -> inbox = 1 :: else fi
        :: me == 0 && waiting -> tell(me)
        :: me == 0 && !waiting ->
#ifndef NO_RECHECK
            if :: sink != seen -> tell(me) :: else fi   /* sink.load() != sink */
#endif
        fi;
        before = 0
    :: seen == VCPU -> raised = raised | b; pend(b)
    fi;
    seen = 0
}

/* Kernel+Control.swift: bind */
inline bind(to) {
    sink = NOBODY;                                      /* unbindSink */
#ifdef SINK_LATE
    found = bits;
    sink = to;
#else
    sink = to;                                          /* sink.store */
    found = bits;                                       /* bits.set(0) */
#endif
#ifndef NO_LOOK
    if :: found != 0 -> tell(1) :: else fi;
#endif
    found = 0
}

active proctype core0() {
    byte seen, before, now, got, left = 2;
end:
    do
    :: inbox -> inbox = 0;                              /* drainInbox */
#ifdef THREADS_ONLY
        if :: sink == THREAD -> deliver() :: else fi
#else
        tell(0)
#endif
    :: !inbox && left == 2 -> left--; raise(0, 1)
    :: !inbox && left == 1 -> left--; raise(0, 2)
    :: !inbox && !waiting ->                            /* wait, of the thread: it looks only at its own notification */
        if
        :: sink == THREAD && bits != 0 -> atomic { heard = heard | bits; bits = 0 }
        :: sink == THREAD && bits == 0 -> waiting = 1
        :: sink != THREAD -> waiting = 1
        fi
    od
}

active proctype core1() {
    byte now, got, found;
    bind(THREAD);
#ifndef THREAD_LAST
    bind(VCPU)
#endif
}

active proctype core2() {
    byte seen, before, now, got;
    raise(2, 4);
    raise(2, 8)
}

active proctype watch() {
    timeout;
    assert(bits == 0 && !inbox);
    assert(heard == raised && raised == 15);
#ifndef THREAD_LAST
    assert(pended || heard == 15)
#endif
}
