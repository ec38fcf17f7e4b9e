import ABI

/// Why memory could not be shared.
public enum SharingError: Error, Equatable {
    /// `shared` of the manifest is used up, or there are too many rings.
    case noMemory
    /// The kernel did not take what the peer sent: it is no memory, or less than the peer says.
    case refused(Status)
}

/// A ring that this component makes in its own shared memory (`shared` in the manifest) and offers to a server.
public struct SharedRing<Element: RingElement> {
    public let memory: SharedMemory
    /// A parameter of the call that hands it over.
    public let offer: RingOffer<Element>

    /// - Parameters:
    ///   - size: bytes, rounded up to pages of 4 KiB; at most 64 KiB.
    ///   - events: what the peer may raise here, when it put or took something and this side sleeps.
    public init(size: Int, raising events: Events) throws(SharingError) {
        let size = (UInt64(max(size, 1)) + 4095) & ~4095
        let page = MessageMemory.current
        let offset = page.usedShared
        guard size <= ComponentLayout.windowSize, offset + size <= Configuration.current.sharedSize,
            let slot = SharedSlots.take()
        else { throw .noMemory }
        let rights = Rights(rawValue: Rights.read.rawValue | Rights.write.rawValue | Rights.manage.rawValue)
        let answer = invoke(
            .derive, Selector(slot: InitialSlot.sharedMemory),
            Words(UInt64(InitialSlot.table), UInt64(slot), UInt64(rights.rawValue), offset, size))
        guard answer.has(.ok) else {
            SharedSlots.giveBack(slot)
            throw .refused(answer.status)
        }
        page.usedShared = offset + size
        memory = SharedMemory(at: ComponentLayout.shared + offset, size: size)
        offer = RingOffer(
            extent: Capability(slot: slot, rights: Rights(rawValue: Rights.read.rawValue | Rights.write.rawValue)),
            events: Notification.own.capability(raising: events), size: size)
    }

    /// The side that puts. `peer` came with the server's reply.
    public func producer(waking peer: Capability<Notification>) -> RingProducer<Element> {
        RingProducer(memory, consumer: Notification(peer))
    }

    /// The side that takes.
    public func consumer(waking peer: Capability<Notification>) -> RingConsumer<Element> {
        RingConsumer(memory, producer: Notification(peer))
    }
}

/// A ring as a parameter: its memory, and what wakes who offers it. The server replies with a `Capability<Notification>`
/// of its own, so that either side can wake the other.
public struct RingOffer<Element: RingElement>: Parameter {
    let extent: Capability<Extent>
    let events: Capability<Notification>
    /// In bytes, as the peer says: the kernel refuses to map more than there is.
    public let size: UInt64

    public func append(to message: inout OutgoingMessage) {
        message.append(size)
        extent.append(to: &message)
        events.append(to: &message)
    }

    public static func take(from message: inout IncomingMessage) -> RingOffer? {
        guard let size = message.takeWord(), size > 0, size <= ComponentLayout.windowSize, size % 4096 == 0,
            let extent = Capability<Extent>.take(from: &message)
        else { return nil }
        guard let events = Capability<Notification>.take(from: &message) else {
            extent.release()
            return nil
        }
        return RingOffer(extent: extent, events: events, size: size)
    }

    /// Server: maps the ring's memory. After an error the offer is still there: `release` it.
    public func accept() throws(SharingError) -> AcceptedRing<Element> {
        guard let slot = SharedSlots.take() else { throw .noMemory }
        let address = ComponentLayout.windows + UInt64(slot - InitialSlot.firstShared) * ComponentLayout.windowSize
        let rights = Rights.read.rawValue | Rights.write.rawValue
        var done: UInt64 = 0
        while done < size {
            let answer = invoke(
                .map, Selector(slot: InitialSlot.space),
                Words(UInt64(extent.slot), address + done, done, size - done, UInt64(rights), UInt64(slot)))
            guard answer.has(.ok) || answer.has(.again), answer.words.w0 > 0 else {
                if done > 0 { SharedSlots.unmap(slot) } else { SharedSlots.giveBack(slot) }
                throw .refused(answer.status)
            }
            done += answer.words.w0
        }
        return AcceptedRing(offer: self, slot: slot, memory: SharedMemory(at: address, size: size))
    }

    /// Server: gives up what came, for an offer that it does not take.
    public func release() {
        extent.release()
        events.release()
    }
}

/// A peer's ring that this component has mapped.
public struct AcceptedRing<Element: RingElement> {
    let offer: RingOffer<Element>
    let slot: UInt32
    public let memory: SharedMemory

    public func producer() -> RingProducer<Element> { RingProducer(memory, consumer: Notification(offer.events)) }
    public func consumer() -> RingConsumer<Element> { RingConsumer(memory, producer: Notification(offer.events)) }

    /// Unmaps it. Whoever uses the memory afterwards faults.
    public func release() {
        SharedSlots.unmap(slot)
        offer.release()
    }
}

extension SharedMemory {
    /// Memory at an address of the component's layout.
    fileprivate init(at address: UInt64, size: UInt64) {
        // SAFETY: root, or the mapping that was just made, put memory of this size there; a release is the caller's word that
        // nobody uses it any more.
        unsafe self.init(
            base: UnsafeMutableRawPointer(bitPattern: UInt(Seam.address(address))).unsafelyUnwrapped, size: Int(size))
    }
}

/// Slots for parts of this component's shared memory, and for mappings of others'.
enum SharedSlots {
    static func take() -> UInt32? {
        let page = MessageMemory.current
        for index in 0..<InitialSlot.sharedCount where page.usedSharedSlots & 1 << UInt64(index) == 0 {
            page.usedSharedSlots |= 1 << UInt64(index)
            return InitialSlot.firstShared + index
        }
        return nil
    }

    static func giveBack(_ slot: UInt32) {
        MessageMemory.current.usedSharedSlots &= ~(1 << UInt64(slot - InitialSlot.firstShared))
    }

    /// Takes a mapping away, and its slot back.
    static func unmap(_ slot: UInt32) {
        var status = Status.again
        while status == .again {
            status = invoke(.revoke, Selector(slot: slot, form: RevokeForm.delete.rawValue)).status
        }
        // An empty slot is as good: the mapping went with the peer's memory.
        if status == .ok || status == .badCapability { giveBack(slot) }
    }
}
