/* Errands: a revoker needs another core to remove a node that only that core may remove, and leaves it an errand.
 *
 * The model covers `revoke`, when it comes to a node (a capability or binding of the derivation tree) that only the
 * core of its context can remove; that core's handler of the inbox interrupt; and another revoker that comes to the
 * same node. Each core has one errand slot, an atomic word with a node's address, which is set and performed under the
 * structure lock. See README.md. InterleavingErrandTests plays the same scenario on the code.
 *
 * Two nodes belong to core 1. Cores 0 and 2 revoke an ancestor of both, and so does a component of core 1, which can
 * remove them at once. Core 1 may also release a node by itself (its thread has stopped); then any core can remove it.
 *
 * Claim of `finalise`: a node is removed once. Claim of `release`: while the lock is free no errand names a node that
 * was removed. Claims of `watch`, when no step is possible any more: both nodes are gone, and no errand is left. With
 * FAIR: every revoker ends.
 */
// check: pass
// check: pass fair
// check: fail -DNO_CLEAR      the remover of a node leaves the errand that names it
// check: fail -DSTALE         the handler reads the errand before it takes the lock
// check: fail -DNO_LOCK       the handler takes no lock
// check: fail fair -DOUTSIDE  the errand is set after the interrupt, outside the lock
// check: fail fair -DUNFAIR   the lock is a bare exchange: the core that should do the errand never gets it

byte tickets, serving;                  /* Board.structure: a core takes a ticket and waits until it is served. */
byte errand;                            /* of core 1: 0, or 1 + a node */
bit  ipi;                               /* at core 1 */
bit  gone[2];                           /* The node's memory is used for another object. */
bit  free[2];                           /* The core to which the node belongs has released it: running == 0. */
byte finished;                          /* revokers that have answered `ok` */

/* Kernel.swift: exclusively */
inline acquire() {
#ifdef UNFAIR
    atomic { serving == 0 -> serving = 1 }
#else
    atomic { ticket = tickets; tickets = (tickets + 1) % 4 };   /* tickets.increment() */
    serving == ticket                                   /* while serving.load() != ticket { M.relax() } */
#endif
}

inline release() {
    atomic {
        assert(errand == 0 || !gone[errand - 1]);
#ifdef UNFAIR
        serving = 0
#else
        serving = (serving + 1) % 4;                    /* serving.store(ticket &+ 1) */
        ticket = 0
#endif
    }
}

/* Under the lock. */
inline finalise(n) {
    assert(!gone[n]);
    gone[n] = 1;
#ifndef NO_CLEAR
    if :: errand == n + 1 -> errand = 0 :: else fi      /* every core's slot, if it names this node */
#endif
}

/* One entry of `revoke` on another core than the node's: the first node that is left; sets `ended` if there is none. */
inline revokeStep() {
    acquire();
    n = 0;
    if :: gone[0] -> n = 1 :: else fi;
    if
    :: gone[n] -> ended = 1; release()
    :: !gone[n] && free[n] -> finalise(n); release()
    :: !gone[n] && !free[n] ->
#ifdef OUTSIDE
        if
        :: errand == 0 -> ipi = 1; serving = (serving + 1) % 4; errand = n + 1
        :: else -> release()
        fi
#else
        if
        :: errand == 0 -> errand = n + 1; ipi = 1       /* errand.store(node); M.interrupt */
        :: else                                         /* busy with another one: `again` */
        fi;
        release()
#endif
    fi
}

inline revoker() {
    do
    :: ended -> break
    :: else -> revokeStep()                             /* `again`: the caller repeats the operation */
    od;
    atomic { finished++ }
}

active proctype core0() {
    byte n, ticket; bit ended;
    revoker()
}

active proctype core2() {
    byte n, ticket; bit ended;
    revoker()
}

/* Core 1, in its handler of the inbox interrupt. */
inline handle() {
#ifdef STALE
    todo = errand;
    if
    :: todo != 0 ->
        acquire();
#else
    if
    :: errand != 0 ->                                   /* errand.load() != 0; otherwise the lock is not needed */
#ifndef NO_LOCK
        acquire();
#endif
        todo = errand;                                  /* errand.load() */
#endif
        if
        :: todo != 0 ->
            free[todo - 1] = 1;                         /* stop(core, context), or another removal */
            finalise(todo - 1);
            errand = 0                                  /* errand.store(0) */
        :: else                                         /* Another core has removed it meanwhile. */
        fi;
#ifndef NO_LOCK
        release()
#else
        skip
#endif
    :: else
    fi;
    todo = 0
}

active proctype core1() {
    byte todo, n, ticket; bit ended;
end:
    do
    :: ipi -> ipi = 0; handle()
    :: !ipi && !free[0] -> free[0] = 1                  /* the thread stops by itself */
    :: !ipi && !free[1] && !ended -> ended = 1;         /* A component revokes, and removes the nodes. */
        acquire();
        n = 0;
        if :: gone[0] -> n = 1 :: else fi;
        if :: !gone[n] -> free[n] = 1; finalise(n) :: else fi;
        release()
    :: !ipi && finished == 2 -> break
    od
}

#ifndef FAIR
active proctype watch() {
    timeout;
    assert(finished == 2);
    assert(gone[0] && gone[1] && errand == 0)
}
#else
ltl ends { <> (finished == 2) }
#endif
