import ABI
import Testing

@_spi(Kernel) @testable import Entente
import EntenteTesting

/// The contents of a message at each limit. The receiver never takes a word, capability or byte that did not come.
@Suite struct MessageBoundsTests {
    private let component = FakeKernel().component("receiver")

    private func arrived(
        words: UInt64 = 0, capabilities: UInt64 = 0, lease: Bool = false, _ inRegisters: Words = Words()
    ) -> IncomingMessage {
        var raw = words << ArrivalBits.lengthShift | capabilities << ArrivalBits.capabilitiesShift
        if lease { raw |= ArrivalBits.lease }
        return IncomingMessage(Answer(rawStatus: raw, words: inRegisters), caller: 0)
    }

    // MARK: Words

    /// The page holds words of earlier messages behind the last one.
    @Test func noStaleWordIsTaken() {
        component.run {
            for index in 0..<64 as Range<UInt32> { MessageMemory.current.setWord(index, to: 1000 + UInt64(index)) }
            for length in [0] + Array(7...64) + [65, 127] as [UInt64] {
                var message = arrived(words: length, Words(1, 2, 3, 4, 5, 6))
                for index in 1...6 as ClosedRange<UInt64> { #expect(message.takeWord() == index) }
                for index in 6..<max(6, min(length, 64)) { #expect(message.takeWord() == 1000 + index) }
                for _ in 0..<3 { #expect(message.takeWord() == nil, "of \(length) words") }
            }
        }
    }

    @Test func eachWordHasItsPlace() {
        component.run {
            for length in 1...64 as ClosedRange<UInt64> {
                var message = OutgoingMessage(100)
                for index in 1..<length { message.append(100 + index) }
                let words = message.words
                let registers = [words.w0, words.w1, words.w2, words.w3, words.w4, words.w5]
                #expect(registers == (0..<6).map { $0 < length ? 100 + $0 : 0 })
                for index in 6..<max(6, length) { #expect(MessageMemory.current.word(UInt32(index)) == 100 + index) }
                #expect(message.shape == MessageShape(length: UInt32(length)))
                #expect(message.shape.isValid && UInt64(message.shape.length) == (length > 6 ? length : 0))
            }
        }
    }

    // MARK: The message page

    /// The parts of the page lie where the kernel looks for them, and none of them overlaps another.
    @Test func thePagesPartsAreApart() {
        component.run {
            let page = MessageMemory.current
            for index in 0..<64 as Range<UInt32> { page.setWord(index, to: UInt64(index)) }
            page.setCapability(0, slot: 71, rights: .read, badge: 72)
            page.setCapability(1, slot: 73, rights: .write, badge: 74)
            page.setLease(address: 75, size: 76, rights: .write)
            page.receiveSlots = 77
            page.usedSlots = 78
            for account in 0..<MessageMemory.accounts { page.setUsedShared(account, to: 80 + account) }

            let base = component.address(ComponentLayout.messagePages)
            // SAFETY: the offset lies in the fake component's message page.
            func word(_ offset: UInt64) -> UInt64 {
                unsafe UnsafePointer<UInt64>(bitPattern: UInt(base + offset))!.pointee
            }
            for index in 0..<64 as Range<UInt64> { #expect(word(MessagePage.words + 8 * index) == index) }
            let capabilities = MessagePage.sentCapabilities
            #expect(word(capabilities) == 71 | UInt64(Rights.read.rawValue) << 32 && word(capabilities + 8) == 72)
            #expect(word(capabilities + 16) == 73 | UInt64(Rights.write.rawValue) << 32)
            #expect(word(capabilities + 24) == 74)
            #expect(word(MessagePage.lease) == 75 && word(MessagePage.lease + 8) == 76)
            #expect(word(MessagePage.lease + 16) == UInt64(Rights.write.rawValue))
            #expect(word(MessagePage.receiveSlots) == 77 && page.receiveSlots == 77)
            #expect(word(MessagePage.own) == 78 && page.usedSlots == 78)
            for account in 0..<MessageMemory.accounts {
                let place = MessagePage.own + 8 + 8 * account
                #expect(word(place) == 80 + account && page.usedShared(account) == 80 + account)
            }
        }
    }

    // MARK: Capabilities

    @Test func noCapabilityIsTakenThatDidNotCome() {
        component.run {
            let first = InitialSlot.firstReceived
            for count in 0...2 as ClosedRange<UInt64> {
                MessageMemory.current.receiveSlots = UInt64(first + 4) | UInt64(first + 9) << 32
                MessageMemory.current.usedSlots = 0
                var message = arrived(capabilities: count)
                #expect(message.hasCapabilities == (count > 0))
                #expect(MessageMemory.current.usedSlots == [0, 1 << 4, 1 << 4 | 1 << 9][Int(count)])
                // A call in between prepares other slots.
                MessageMemory.current.receiveSlots = 0
                for slot in [first + 4, first + 9].prefix(Int(count)) { #expect(message.takeCapability() == slot) }
                #expect(message.takeCapability() == nil)
            }
            // A lease in the same message does not count as a capability.
            MessageMemory.current.receiveSlots = UInt64(first + 4) | UInt64(first + 9) << 32
            let raw = ArrivalBits.lease | 1 << ArrivalBits.capabilitiesShift
            var message = IncomingMessage(Answer(rawStatus: raw), caller: 0)
            #expect(message.hasLease && message.takeCapability() == first + 4 && message.takeCapability() == nil)
        }
    }

    /// These slots are not among those for received capabilities, so the kernel puts no capability there.
    @Test(arguments: [0, 1, InitialSlot.firstReceived - 1, InitialSlot.firstReceived + InitialSlot.receivedCount, .max])
    func aSlotThatIsNoneIsNeitherTakenNorReleased(slot: UInt32) {
        component.run {
            MessageMemory.current.receiveSlots = UInt64(slot)
            MessageMemory.current.usedSlots = 0
            var message = arrived(capabilities: 1)
            #expect(message.takeCapability() == nil && MessageMemory.current.usedSlots == 0)
            Capability<Notification>(slot: slot).release()
            #expect(poll(InitialSlot.notification) == 0)
            let first = InitialSlot.firstReceived
            #expect(ReceivedSlots.contains(first) && ReceivedSlots.contains(first + InitialSlot.receivedCount - 1))
            #expect(!ReceivedSlots.contains(slot))
        }
        #expect(component.run { Notification.own.raise() } == .ok, "the notification is still there")
    }

    @Test func twoFreeSlotsArePrepared() {
        component.run {
            let (page, first) = (MessageMemory.current, UInt64(InitialSlot.firstReceived))
            let all: UInt64 = 1 << UInt64(InitialSlot.receivedCount) - 1
            for (used, slots) in [
                (0, first | (first + 1) << 32), (1, first + 1 | (first + 2) << 32), (0b10, first | (first + 2) << 32),
                (all & ~(1 << 31), first + 31), (all & ~(1 << 31 | 1 << 5), first + 5 | (first + 31) << 32), (all, 0),
            ] as [(UInt64, UInt64)] {
                page.usedSlots = used
                page.receiveSlots = .max
                ReceivedSlots.prepare()
                #expect(page.receiveSlots == slots && page.usedSlots == used)
            }
        }
    }

    @Test func aReleasedSlotIsFreeAndItsNeighboursAreNot() {
        component.run {
            let page = MessageMemory.current
            page.usedSlots = 0b1110
            ReceivedSlots.release(InitialSlot.firstReceived + 2)
            #expect(page.usedSlots == 0b1010)
        }
    }

    // MARK: Numbers and text

    private func taken<Value: Parameter>(_ type: Value.Type, of word: UInt64) -> Value? {
        component.run {
            var message = arrived(Words(word))
            return Value.take(from: &message)
        }
    }

    private func word(of value: some Parameter) -> UInt64 {
        var message = OutgoingMessage(0)
        value.append(to: &message)
        return message.words.w1
    }

    /// Each narrow type takes every number of its range and no other.
    @Test func numbersEndWhereTheirTypeEnds() {
        func check<Value: NarrowParameter>(_ type: Value.Type) {
            for value in [Value.min, Value.max, 0, 1] {
                #expect(taken(type, of: word(of: value)) == value)
            }
            guard Value.bitWidth < 64 else { return }
            #expect(taken(type, of: UInt64(truncatingIfNeeded: Value.max) + 1) == nil)
            #expect(taken(type, of: UInt64(truncatingIfNeeded: Value.min) &- 1) == nil)
            #expect(taken(type, of: 1 << 63) == nil)
        }
        check(UInt8.self)
        check(UInt16.self)
        check(UInt32.self)
        check(UInt.self)
        check(Int8.self)
        check(Int16.self)
        check(Int32.self)
        check(Int.self)
        #expect(taken(UInt64.self, of: .max) == .max && taken(Int64.self, of: .max) == -1)
        #expect(word(of: Int64(-1)) == .max)
        #expect(taken(Bool.self, of: 0) == false && taken(Bool.self, of: 1) == true)
        #expect(taken(Bool.self, of: 2) == nil && taken(Bool.self, of: .max) == nil)
        #expect(word(of: true) == 1 && word(of: false) == 0)
        #expect(taken(Mode.self, of: 1) == .on && taken(Mode.self, of: 2) == nil && taken(Mode.self, of: 256) == nil)
        #expect(taken(Never.self, of: 0) == nil)
    }

    @Test func noNumberIsMadeOfAWordThatIsNotThere() {
        component.run {
            func check<Value: Parameter>(_ type: Value.Type) {
                var message = arrived()
                for _ in 0..<6 { _ = message.takeWord() }
                #expect(Value.take(from: &message) == nil)
            }
            check(UInt64.self)
            check(Int64.self)
            check(UInt8.self)
            check(Bool.self)
            check(Mode.self)
            check(ShortText.self)
            check(Capability<Notification>.self)
            check(Lease<Reading>.self)
        }
    }

    @Test func textOfEachLengthComesBackAndNoneBeyond() {
        component.run {
            for length in 0...128 {
                var text = ShortText()
                for index in 0..<length { text.append(UInt8(truncatingIfNeeded: 200 + index)) }
                var sent = OutgoingMessage(9)
                text.append(to: &sent)
                let count = 2 + (length + 7) / 8
                #expect(sent.count == UInt32(count))
                var message = arrived(words: count > 6 ? UInt64(count) : 0, sent.words)
                #expect(message.takeWord() == 9)
                #expect(ShortText.take(from: &message) == text)
                guard length > 40 else { continue }
                // One word less has come than the length demands.
                message = arrived(words: UInt64(count - 1), sent.words)
                _ = message.takeWord()
                #expect(ShortText.take(from: &message) == nil)
            }
            for size in [129, 1 << 32, .max] as [UInt64] {
                var message = arrived(words: 64, Words(size))
                #expect(ShortText.take(from: &message) == nil)
            }
        }
    }

    @Test func textsAreEqualByteForByte() {
        #expect(ShortText("abc") == ShortText("abc") && ShortText("abc") != ShortText("abd"))
        #expect(ShortText("abc") != ShortText("ab") && ShortText("") == ShortText())
        #expect(ShortText("abcdefgh9") != ShortText("abcdefgh8"))
    }

    // MARK: Leases

    @Test func aLeasesLengthIsANumber() {
        func lease(_ size: UInt64, isThere: Bool = true) -> Lease<Reading>? {
            var message = arrived(lease: isThere, Words(size))
            return Lease<Reading>.take(from: &message)
        }
        component.run {
            #expect(lease(0)?.count == 0 && lease(UInt64(Int.max))?.count == .max)
            #expect(lease(UInt64(Int.max) + 1) == nil && lease(.max) == nil && lease(8, isThere: false) == nil)
        }
    }
}
