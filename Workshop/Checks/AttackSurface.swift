import ABI

/// The entry points that the kernel offers to tenants: each operation, with each of its forms.
///
/// The kernel decodes a form into the enumeration of the same name, so a raw value of that enumeration is an entry
/// point, and there are no others.
struct AttackSurface {
    /// The words that an operation takes: its selector and six more.
    static let argumentWords = 7

    /// The forms of each operation. An operation without forms has one.
    static var forms: [(operation: Operation, forms: Int)] {
        (UInt64(0)..<64).compactMap { number in
            Operation(rawValue: number).map { ($0, forms(of: $0)) }
        }
    }

    static var entryPoints: Int { forms.reduce(0) { $0 + $1.forms } }

    private static func forms(of operation: Operation) -> Int {
        switch operation {
        case .copy: count(CopyForm.self)
        // `create` makes each kind but capabilities that other operations make.
        case .create: count(ObjectKind.self) - [ObjectKind.none, .interrupt, .system, .mapping].count
        case .revoke: count(RevokeForm.self)
        case .contextControl: count(ContextControl.self)
        case .contextState: count(ContextState.self)
        case .notificationBind: count(NotificationBind.self)
        case .timer: count(TimerForm.self)
        case .scheduleControl: count(ScheduleControl.self)
        case .interruptControl: count(InterruptControl.self) + count(VirtualInterruptControl.self)
        case .system: count(SystemForm.self)
        case .call, .replyWait, .signal, .poll, .derive, .map, .doorbell, .dmaControl: 1
        }
    }

    private static func count<Form: RawRepresentable>(_: Form.Type) -> Int where Form.RawValue: FixedWidthInteger {
        (0..<128).count { Form(rawValue: Form.RawValue($0)) != nil }
    }
}
