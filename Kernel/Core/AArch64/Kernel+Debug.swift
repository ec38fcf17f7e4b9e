// Debugging inside of a machine: this file decides when hardware holds a virtual CPU's debug registers, and when it
// obeys them.
//
// Debug exceptions go to the exception level that is debugged, and a component's would go to the kernel. So hardware
// obeys (MDSCR_EL1) only while a virtual CPU runs that has asked for it. A core on which no virtual CPU has asked
// pays nothing: `Core.lazy` then holds only the trap of floating point, which `becomeCurrent` compares in any case.
//
// Comparators are loaded lazily, when a virtual CPU that uses them is put into hardware, and stay there until another
// such virtual CPU is loaded. No tenant can see them meanwhile, because each access traps.

extension Kernel {
    /// Returns the value that a machine reads from one of its debug registers.
    public static func readDebug(_ guest: Ref<VirtualCPU>, _ register: DebugRegister) -> UInt64 {
        switch register {
        case .comparator(let comparator): guest.pointee.debug[comparator]
        case .control: guest.pointee.debug.control
        // OSLM is 2, which announces an OS lock.
        case .osLockStatus: 1 << 3 | (guest.pointee.debug.isLocked ? 1 << 1 : 0)
        case .osDoubleLock: guest.pointee.debug.isDoubleLocked ? 1 : 0
        case .claimSet: 0xFF
        case .claimClear: guest.pointee.debug.claims
        case .osLockAccess, .empty: 0
        }
    }

    /// Performs a machine's write to one of its debug registers. The virtual CPU is the one that runs on this core.
    public static func writeDebug(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>, _ register: DebugRegister,
        _ value: UInt64
    ) {
        switch register {
        case .comparator(let comparator):
            bringComparators(core, context, guest)
            // Memory keeps the bits of the value that hardware keeps.
            guest.pointee.debug[comparator] = M.exchangeComparator(comparator, comparator.permitted(value))
        case .control:
            guest.pointee.debug.control = value & 0xFFFF_FFFF
            arm(core, context, guest)
        case .osLockAccess:
            guest.pointee.debug.isLocked = value & 1 != 0
            arm(core, context, guest)
        case .osDoubleLock:
            guard M.debugFeatures.hasDoubleLock else { return }
            guest.pointee.debug.isDoubleLocked = value & 1 != 0
            arm(core, context, guest)
        case .claimSet: guest.pointee.debug.claims |= value
        case .claimClear: guest.pointee.debug.claims &= ~value
        case .osLockStatus, .empty: break
        }
    }

    /// Makes hardware obey the debug exceptions that the running virtual CPU wants now.
    private static func arm(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>) {
        let wanted = guest.pointee.debug.wanted
        guest.pointee.debug.armed = wanted
        // `becomeCurrent` clears the bit when it finds that no virtual CPU is armed any more.
        if wanted != 0 { enterDebugging(core, context, guest) }
        M.armDebugging(wanted)
    }

    /// Prepares the core for a virtual CPU that uses its debug registers and gets the core's EL1 registers, or runs
    /// there.
    @inline(never)
    static func enterDebugging(_ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>) {
        bringComparators(core, context, guest)
        core.pointee.lazy |= Laziness.debugging
    }

    /// Loads this virtual CPU's comparators into hardware: at most 64 registers.
    private static func bringComparators(
        _ core: Ref<Core>, _ context: Ref<ExecutionContext>, _ guest: Ref<VirtualCPU>
    ) {
        guard core.pointee.debugOwner != context || !guest.pointee.debug.isInHardware else { return }
        // The current comparators may belong to a virtual CPU that was destroyed. None may match while they are half
        // exchanged.
        M.armDebugging(0)
        let features = M.debugFeatures
        bring(guest, .breakpointValue, .breakpointControl, features.breakpoints)
        bring(guest, .watchpointValue, .watchpointControl, features.watchpoints)
        core.pointee.debugOwner = context
        guest.pointee.debug.isInHardware = true
    }

    private static func bring(
        _ guest: Ref<VirtualCPU>, _ values: DebugComparator.Bank, _ controls: DebugComparator.Bank, _ count: UInt64
    ) {
        for number in 0..<Int(count) {
            let value = DebugComparator(values, number), control = DebugComparator(controls, number)
            _ = M.exchangeComparator(value, guest.pointee.debug[value])
            _ = M.exchangeComparator(control, guest.pointee.debug[control])
        }
    }

    /// Performs the part of `becomeCurrent` for state that is switched lazily: sets the trap of floating point, and
    /// makes hardware obey the debug registers of `next` if that is a virtual CPU that debugs.
    @inline(__always)
    static func switchLazily(_ core: Ref<Core>, _ next: Ref<ExecutionContext>, traps: UInt8) {
        var lazy = traps
        if core.pointee.lazy & Laziness.debugging != 0 {
            M.armDebugging(next.pointee.guest?.pointee.debug.armed ?? 0)
            // The loaded virtual CPU may run again without being loaded again.
            if let loaded = core.pointee.loaded?.pointee.guest, loaded.pointee.debug.armed != 0 {
                lazy |= Laziness.debugging
            }
        }
        core.pointee.lazy = lazy
        M.setFloatingPointTrap(traps != 0)
    }
}
