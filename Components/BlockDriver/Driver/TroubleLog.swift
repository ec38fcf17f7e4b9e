import Entente
import VirtioBlock

/// Logs the trouble of one disk, each kind at most once in ten seconds.
struct TroubleLog {
    private let disk: InlineArray<32, UInt8>
    /// The moments before which a kind is not logged again.
    private var pauses = [Instant](repeating: Instant(ticks: 0), count: DeviceTrouble.allCases.count)
    private static var pause: Interval { .seconds(10) }

    init(disk: InlineArray<32, UInt8>) { self.disk = disk }

    mutating func write(_ trouble: DeviceTrouble) {
        let kind = Int(trouble.rawValue)
        guard pauses[kind] <= .now else { return }
        pauses[kind] = .now + Self.pause
        log("disk '\(name: disk)': \(text(trouble))")
    }

    private func text(_ trouble: DeviceTrouble) -> StaticString {
        switch trouble {
        case .noDevice: "there is no device in its slot"
        case .legacy: "the device is a legacy one; start QEMU with -global virtio-mmio.force-legacy=false"
        case .notABlockDevice: "the device is no block device"
        case .features: "the device lacks a feature, or has refused the features"
        case .queue: "the device has no usable queue"
        case .memory: "the memory for the queue is too small"
        case .noReset: "the device does not end a reset"
        case .needsReset: "the device has asked for a reset; its requests are performed again"
        case .usedIndex: "the device claims more answers than it has requests; it is reset"
        case .usedRequest: "the device answers a request that it does not have; it is reset"
        case .usedLength: "the device claims to have written too much; it is reset"
        case .status: "the device answers with a status that does not exist; it is reset"
        case .hopeless: "resets do not help; its requests fail"
        case .ioError: "a request has failed"
        }
    }
}
