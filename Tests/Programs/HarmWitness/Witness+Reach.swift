@_spi(Kernel) import Entente
import RuntimeSupport

// The attempts of an offender to read and to change the memory and the registers of others.
//
// They use every name that the component has: the addresses of its resources, console, message page and heap, each slot
// of its table as memory and as a context, and, in the last attempt of a life, an address that is not mapped.

/// The memory and the slots that the component can name.
enum Reach {
    /// The slots that the trials try. No table of a component of the trials is larger, except that of a pager.
    static let slots = 1..<UInt32(192)
    /// A slot for mappings, which is free because no component of the trials has that many capabilities of messages.
    static let mapping = InitialSlot.firstReceived + InitialSlot.receivedCount - 1
    /// An address for mappings, in the part of the space for which the page tables of the console suffice.
    static let mappingAddress = ComponentLayout.console + 0x10_0000
    /// The number of pages of a capability's memory that the trials look at.
    static let pages: UInt64 = 64
    static let garbage: UInt64 = 0xBAD0_BAD0_BAD0_BAD0

    static func forEachSharedMemory(_ body: (SharedMemory) -> Void) {
        let table = Configuration.resources
        for index in 0..<table.count {
            let resource = table[index]
            switch ResourceKind(rawValue: resource.kind) {
            case .sharedMemory, .portal, .caller:
                guard resource.size > 0 else { continue }
                // SAFETY: root has mapped the resource's memory, and never unmaps it. Its address is not 0.
                let base = unsafe UnsafeMutableRawPointer(bitPattern: UInt(resource.address)).unsafelyUnwrapped
                body(unsafe SharedMemory(base: base, size: Int(truncatingIfNeeded: resource.size)))
            default: break
            }
        }
    }

    /// Calls `body` for each page that a capability of the component lets it map with these rights. The page is at
    /// `mappingAddress` meanwhile.
    static func forEachPage(_ rights: Rights, _ body: (UInt64) -> Void) {
        for slot in slots where slot != mapping {
            for page in 0..<pages {
                let status = invokeUntilDone(
                    .map, Selector(slot: InitialSlot.space),
                    Words(UInt64(slot), mappingAddress, page << 12, 4096, UInt64(rights.rawValue), UInt64(mapping))
                ).status
                guard status == .ok else { break }
                body(mappingAddress)
                revoke(mapping, .delete)
            }
        }
    }
}

extension Witness {
    // MARK: Reading

    /// Logs a line for each other part whose secret the component finds.
    func readEverything() {
        var found: UInt64 = 0
        forEachOwnMemory { address, size in look(address, size, &found) }
        Reach.forEachPage(.read) { look($0, 4096, &found) }
        lookAtRegisters(&found)
        lookAtLease(&found)
        for owner in 0..<64 as Range<UInt64> where found >> owner & 1 != 0 { log("found \(owner)") }
        log("has read")
    }

    /// Calls `body` for memory that is mapped. It leaves out the program's image and its stack, because no rule of the
    /// plan puts another part's bytes there.
    private func forEachOwnMemory(_ body: (UInt64, UInt64) -> Void) {
        body(ComponentLayout.console, 2 * ConsoleQueue.size)
        body(ComponentLayout.configuration, ComponentLayout.configurationSize)
        body(ComponentLayout.messagePages, MessagePage.size)
        body(ComponentLayout.heap, Configuration.current.heapSize)
        let table = Configuration.resources
        for index in 0..<table.count {
            let resource = table[index]
            switch ResourceKind(rawValue: resource.kind) {
            case .sharedMemory, .portal, .caller, .dmaMemory, .file, .pagedClient, .frames:
                body(resource.address, resource.size & ~7)
            default: break
            }
        }
    }

    private func look(_ address: UInt64, _ size: UInt64, _ found: inout UInt64) {
        for offset in stride(from: 0, to: size, by: 8) { note(entente_read64(address + offset), &found) }
    }

    private func note(_ word: UInt64, _ found: inout UInt64) {
        let owner = word & Self.numberBits
        guard word & ~Self.numberBits == secret & ~Self.numberBits, owner != number, 1..<64 ~= owner else { return }
        found |= 1 << owner
    }

    private func lookAtRegisters(_ found: inout UInt64) {
        for slot in Reach.slots {
            for first in stride(from: 0, to: 32, by: 4) as StrideTo<UInt64> {
                let answer = invoke(
                    .contextState, Selector(slot: slot, form: ContextState.read.rawValue), Words(first, 4))
                guard answer.has(.ok) else { break }
                note(answer.words.w2, &found)
                note(answer.words.w3, &found)
                note(answer.words.w4, &found)
                note(answer.words.w5, &found)
            }
        }
    }

    /// Tries to read a lease. Only the caller that the component serves can have lent one.
    private func lookAtLease(_ found: inout UInt64) {
        let buffer = ComponentLayout.messagePages + MessagePage.size / 2
        let status = invoke(
            .copy, Selector(slot: 0, form: CopyForm.read.rawValue), Words(0, buffer, 8)
        ).status
        if status == .ok { note(entente_read64(buffer), &found) }
    }

    /// Loads from an address that is not mapped, another one in each life. The component dies of it.
    func readOutside() {
        let address = Self.outside[Int(truncatingIfNeeded: (number + Configuration.current.earlierLives) % 6)]
        log("reads \(hex: address)")
        let word = entente_read64(address)
        log("found \(hex: word) outside")
    }

    /// The RAM of machines, the image as root sees it, the registers of the board's serial port, addresses at which
    /// other components have memory, and the last word of the space.
    private static var outside: InlineArray<6, UInt64> {
        [
            ComponentLayout.guestMemory, ComponentLayout.bootImage, 0x0900_0000, ComponentLayout.devices + 0x10_0000,
            ComponentLayout.assigned + 0x1000_0000, ComponentLayout.end - 8,
        ]
    }

    // MARK: Writing

    /// Overwrites everything that the component can name and that another part may use.
    func writeEverything() {
        Reach.forEachSharedMemory { memory in
            for offset in stride(from: 0, to: memory.size, by: 8) { memory[offset] = Reach.garbage }
        }
        Reach.forEachPage(Rights(rawValue: 3)) { page in
            for offset in stride(from: 0, to: 4096, by: 8) as StrideTo<UInt64> {
                entente_write64(page + offset, Reach.garbage)
            }
        }
        for slot in Reach.slots where slot != InitialSlot.thread {
            invoke(
                .contextState, Selector(slot: slot, form: ContextState.write.rawValue), Words(0, 1, Reach.garbage))
        }
    }
}
