import KernelCore

/// The two timers of the loaded virtual CPU (DDI 0487, D12.2).
struct GuestTimers {
    /// Indices in `VirtualCPU.system`: control and compare value of the virtual timer, then of the physical one.
    enum Place {
        static let virtualControl = 22
        static let virtualCompare = 23
        static let physicalControl = 24
        static let physicalCompare = 25
    }

    private var virtual = Ticks.never
    private var physical = Ticks.never

    func isAsserted(_ interrupt: UInt32, _ now: Ticks) -> Bool { (interrupt == 27 ? virtual : physical) <= now }

    mutating func set(_ interrupt: UInt32, _ deadline: Ticks) {
        if interrupt == 27 { virtual = deadline } else { physical = deadline }
    }

    mutating func load(_ guest: Ref<VirtualCPU>) {
        virtual = Self.deadline(guest, Place.virtualControl, Place.virtualCompare)
        physical = Self.deadline(guest, Place.physicalControl, Place.physicalCompare)
    }

    mutating func unload(_ guest: Ref<VirtualCPU>) {
        Self.store(virtual, guest, Place.virtualControl, Place.virtualCompare)
        Self.store(physical, guest, Place.physicalControl, Place.physicalCompare)
        self = GuestTimers()
    }

    /// Returns the deadline of a timer of a virtual CPU that is not loaded.
    static func deadline(_ guest: Ref<VirtualCPU>, _ interrupt: UInt32) -> Ticks {
        interrupt == 27
            ? deadline(guest, Place.virtualControl, Place.virtualCompare)
            : deadline(guest, Place.physicalControl, Place.physicalCompare)
    }

    private static func deadline(_ guest: Ref<VirtualCPU>, _ control: Int, _ compare: Int) -> Ticks {
        guest.pointee.system[control] & 3 == 1 ? Ticks(guest.pointee.system[compare]) : .never
    }

    private static func store(_ deadline: Ticks, _ guest: Ref<VirtualCPU>, _ control: Int, _ compare: Int) {
        guest.pointee.system[control] = deadline == .never ? 0 : 1
        guest.pointee.system[compare] = deadline.value
    }
}
