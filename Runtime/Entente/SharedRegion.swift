import ABI
import Synchronization

/// Memory that this component shares with a machine or another component, as the manifest's `shared-memory` says, and a
/// bell to ring the other end. What the two mean by its contents is their affair. The peer may change each byte at any
/// moment, so each access is one atomic load or store of 8 bytes.
public struct SharedRegion: Sendable {
    public let memory: SharedMemory
    private let number: Int

    /// The region that the manifest calls `name`. Without one the component stops, with a line that says so.
    public init(named name: StaticString) {
        guard let region = SharedRegion(ifNamed: name) else {
            log("this component shares '\(name)', and its manifest has nothing of that name (key 'shared-memory')")
            fatalError("no such shared memory")
        }
        self = region
    }

    /// The region that the manifest calls `name`, if there is one and this component is an end of it.
    public init?(ifNamed name: StaticString) {
        let configuration = Configuration.current
        for number in 0..<SharedRegions.maximum {
            let end = configuration.regions[number]
            guard end.size > 0, end.isNamed(name) else { continue }
            self.number = number
            let address = SharedRegions.componentAddress(number)
            // SAFETY: root mapped the region there, of this size, before it started this component, and it stays as
            // long as the component lives.
            memory = unsafe SharedMemory(
                base: UnsafeMutableRawPointer(bitPattern: UInt(Seam.address(address))).unsafelyUnwrapped,
                size: Int(end.size))
            return
        }
        return nil
    }

    /// The event that this component hears when the other end rings. Rings between two looks are one.
    public var rang: Events { .number(SharedRegions.firstEvent + UInt64(number)) }

    /// Rings the other end, after all stores to the memory that came before. A machine gets an interrupt, a component
    /// the event. `badCapability`: the peer is dead, and the next life of it will look by itself.
    @discardableResult
    public func ring() -> Status {
        atomicMemoryFence(ordering: .releasing)
        return signal(SharedRegions.firstBell + UInt32(truncatingIfNeeded: number))
    }
}

extension SharedRegionEnd {
    fileprivate func isNamed(_ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        guard length < SharedRegions.nameSize, name[length] == 0 else { return false }
        for index in 0..<length {
            // SAFETY: a StaticString's bytes are constants of the program, and `index` is below their number.
            guard unsafe text.utf8Start[index] == name[index] else { return false }
        }
        return true
    }
}
