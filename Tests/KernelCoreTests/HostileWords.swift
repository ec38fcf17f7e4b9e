import ABI

@testable import KernelCore

/// Requests that are plausible in most places and wrong in some. The kernel would refuse pure noise at the first check.
struct HostileWords {
    struct Request: CustomStringConvertible {
        var operation: UInt64
        var selector: Selector
        var words: [UInt64]
        var description: String {
            let name = ABI.Operation(rawValue: operation).map { "\($0)" } ?? "\(operation)"
            let words = words.map { String($0, radix: 16) }.joined(separator: " ")
            return "\(name), slot \(selector.slot), form \(selector.form): \(words)"
        }
    }

    /// The kind of operand that an operation expects.
    private enum Place {
        case slot(ObjectKind)
        case freeSlot
        case upTo(UInt64)
        case pages(UInt64)
        case any
    }

    var slots: [ObjectKind: [UInt32]] = [
        .region: [RootSlot.firstRegion], .capabilityTable: [InitialSlot.table],
        .addressSpace: [InitialSlot.space], .system: [RootSlot.system],
    ]

    mutating func add(_ tenant: Tenant) {
        slots[tenant.context.pointee.isVirtualCPU ? .virtualCPU : .thread, default: []].append(tenant.slot)
        slots[.schedulingContext, default: []].append(tenant.scheduling)
        if tenant.notification != 0 { slots[.notification, default: []].append(tenant.notification) }
        if tenant.space != InitialSlot.space { slots[.addressSpace, default: []].append(tenant.space) }
    }

    func request(_ generator: inout SeededGenerator) -> Request {
        var operation = generator.chance(3) ? generator.next() : UInt64(generator.below(19))
        // Copies need a call that is being served.
        if generator.chance(20) {
            let chain: [ABI.Operation] = [.call, .replyWait, .copy]
            operation = chain[generator.below(3)].rawValue
        }
        var form = generator.chance(5) ? UInt32(truncatingIfNeeded: generator.next()) : UInt32(generator.below(13))
        if operation == ABI.Operation.replyWait.rawValue, generator.chance(70) { form = UInt32(1 + generator.below(3)) }
        switch ABI.Operation(rawValue: operation) {
        case .map where generator.chance(90): form = 0
        case .timer, .copy, .revoke: if generator.chance(90) { form &= 1 }
        case .call where generator.chance(80):
            form =
                MessageShape(
                    length: generator.chance(50) ? 0 : UInt32(generator.below(66)),
                    capabilities: UInt32(generator.below(3)),
                    lease: generator.chance(40)
                ).bits
        default: break
        }
        if operation == ABI.Operation.revoke.rawValue { return revocation(form, &generator) }
        let places = Self.places(ABI.Operation(rawValue: operation), form)
        let slot = UInt32(truncatingIfNeeded: word(places.selector, &generator))
        var words = places.words.map { word($0, &generator) }
        while words.count < 6 { words.append(noise(&generator)) }
        // Powering the board off ends the model.
        if operation == ABI.Operation.system.rawValue, form < 2 { operation = ABI.Operation.signal.rawValue }
        return Request(operation: operation, selector: Selector(slot: slot, form: form), words: words)
    }

    /// Most revocations are of objects that tenants made themselves, because the board would otherwise soon be empty.
    private func revocation(_ form: UInt32, _ generator: inout SeededGenerator) -> Request {
        let slot =
            switch generator.below(40) {
            case 0: anySlot(&generator)
            case 1: UInt32(truncatingIfNeeded: noise(&generator))
            default: UInt32(freeSlot(&generator))
            }
        return Request(
            operation: ABI.Operation.revoke.rawValue, selector: Selector(slot: slot, form: form),
            words: Array(repeating: 0, count: 6))
    }

    /// Returns a slot that the board had at the beginning.
    func anySlot(_ generator: inout SeededGenerator) -> UInt32 {
        let kind = slots.keys.sorted { $0.rawValue < $1.rawValue }.randomElement(using: &generator)!
        return slots[kind]!.randomElement(using: &generator)!
    }

    func freeSlot(_ generator: inout SeededGenerator) -> UInt64 { 160 + UInt64(generator.below(58)) }

    private static func places(_ operation: ABI.Operation?, _ form: UInt32) -> (selector: Place, words: [Place]) {
        switch operation {
        case .call: (.slot(.portal), [])
        case .replyWait: (.upTo(4), [])
        case .copy: (.upTo(4), [.upTo(0x1000), .upTo(0x6000), .upTo(0x1800)])
        case .signal, .poll: (.slot(.notification), [])
        case .create:
            (.slot(.region), [form == 6 ? .slot(.thread) : form == 10 ? .pages(8) : .upTo(20), .freeSlot, .pages(2)])
        case .derive:
            (
                .slot(form & 1 == 0 ? .extent : form & 2 == 0 ? .notification : .region),
                [.slot(.capabilityTable), .freeSlot, .any, .pages(20), .pages(20)]
            )
        case .map: (.slot(.addressSpace), [.slot(.extent), .pages(600), .pages(16), .pages(20), .upTo(8), .freeSlot])
        case .doorbell: (.slot(.addressSpace), [.pages(600), .slot(.notification), .any])
        case .contextControl:
            (
                form & 1 == 0 ? .slot(.thread) : .slot(.virtualCPU),
                contextControl(form)
            )
        case .contextState: (.slot(form & 1 == 0 ? .thread : .virtualCPU), [.upTo(140), .upTo(6)])
        case .notificationBind: (.slot(.notification), [.slot(form == 0 ? .thread : .virtualCPU), .upTo(140)])
        case .timer: (.slot(.notification), [.upTo(200_000), .any])
        case .scheduleControl:
            (
                .slot(.schedulingContext),
                form == 3
                    ? [.slot(.notification), .any]
                    : [.upTo(3), .upTo(40), .upTo(5000), form & 4 == 0 ? .upTo(1) : .upTo(3000), .upTo(9000)]
            )
        case .interruptControl:
            (.slot(form < 2 ? .interrupt : .virtualCPU), [form < 2 ? .slot(.notification) : .upTo(130), .any])
        case .system:
            (.slot(.system), [form == 2 ? .upTo(300) : .upTo(45), form == 3 ? .upTo(3) : .freeSlot, .slot(.region)])
        default: (.any, [])
        }
    }

    private static func contextControl(_ form: UInt32) -> [Place] {
        switch ContextControl(rawValue: form) {
        case .setAffinity: [.upTo(20)]
        case .setAbortMask: [.upTo(4)]
        case .setMessagePage: [.slot(.extent), .pages(2)]
        case .bindStopped: [.slot(.notification), .any]
        case .bindPortal: [.slot(.portal)]
        default: [.slot(.addressSpace), .slot(.capabilityTable), .slot(.portal), .slot(.schedulingContext), .upTo(3)]
        }
    }

    private func word(_ place: Place, _ generator: inout SeededGenerator) -> UInt64 {
        if generator.chance(8) { return noise(&generator) }
        return switch place {
        // Tenants may have filled this slot themselves.
        case .slot where generator.chance(25): freeSlot(&generator)
        case .slot(let kind): UInt64(slots[kind]?.randomElement(using: &generator) ?? 0)
        case .freeSlot: freeSlot(&generator)
        case .upTo(let limit): generator.next() % limit
        case .pages(let count): (generator.next() % count) << 12
        case .any: generator.next() >> UInt64(generator.below(64))
        }
    }

    private func noise(_ generator: inout SeededGenerator) -> UInt64 {
        switch generator.below(8) {
        case 0: generator.next()
        case 1: .max
        case 2: 1 << UInt64(generator.below(64))
        case 3: UInt64(generator.below(64)) << 12
        case 4: 0
        default: UInt64(generator.below(220))
        }
    }
}
