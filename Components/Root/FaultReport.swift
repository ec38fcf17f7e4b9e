import ABI
import Entente

/// The badge of the fault portal that a tenant's thread got.
struct FaultBadge {
    let bits: UInt64
    init(bits: UInt64) { self.bits = bits }
    init(tenant: Int, thread: Int) { bits = UInt64(tenant + 1) << 8 | UInt64(thread) }
    var tenant: Int { Int(bits >> 8) - 1 }
}

/// A fault of a tenant's thread, as the kernel tells it.
struct FaultReport {
    private let badge: FaultBadge
    private let words: Words

    init(_ answer: Answer) {
        badge = FaultBadge(bits: answer.tag)
        words = answer.words
    }

    /// Leaves the thread stopped, and says what happened.
    func settle() {
        // First let go of the tenant: the report must not take its time, which may be little.
        _ = replyWait(ReplyForm.reply | ReplyForm.leaveStopped)
        guard badge.tenant >= 0, badge.tenant < SystemBuilder.tenantCount else { return }
        let tag = ExitTag(bits: words.w0)
        rootConsole.withLock { console in
            console.beginLine()
            console.write("fault: ")
            console.write(BootTable.tenant(badge.tenant).name)
            console.write(" ")
            console.write(cause(tag.syndrome))
            console.write(" address ")
            console.write(hex: words.w1)
            console.write(" esr ")
            console.write(hex: tag.syndrome)
            console.write(" pc ")
            console.write(hex: words.w3)
            console.write("\n")
            console.flush()
        }
    }

    /// The exception class in words (DDI 0487, D19.2.40).
    private func cause(_ syndrome: UInt64) -> StaticString {
        switch syndrome >> 26 {
        case 0x00: "undefined instruction"
        case 0x07: "floating point"
        case 0x18: "system register"
        case 0x20: "instruction fetch from unmapped memory"
        case 0x22: "misaligned program counter"
        case 0x24: syndrome & 1 << 6 != 0 ? "store to unmapped memory" : "load from unmapped memory"
        case 0x26: "misaligned stack pointer"
        case 0x3C: "trap"
        default: "exception"
        }
    }
}
