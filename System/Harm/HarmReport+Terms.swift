/// A term of ISO 26262-6:2018, annex D, with the treatment that it gets from Entente and its analysis.
struct InterferenceTerm {
    enum Treatment: String {
        /// The tables below list each case.
        case finding = "finding"
        /// The kernel or the plan excludes it, so that no case is listed.
        case mechanism = "mechanism"
        /// The tables list some cases. The project has to show the rest in another way.
        case partly = "partly"
        case untreated = "not treated"
    }

    var clause: String
    var term: String
    var treatment: Treatment
    /// The reason, with the effects that stand for the term.
    var explanation: String

    private init(_ clause: String, _ term: String, _ treatment: Treatment, _ explanation: String) {
        (self.clause, self.term, self.treatment, self.explanation) = (clause, term, treatment, explanation)
    }

    static let all = timing + memory + exchange

    private static let timing = [
        InterferenceTerm(
            "D.2.2", "Blocking of execution", .finding,
            "The effect stall: the element waits for another one, or another one can keep its core."),
        InterferenceTerm(
            "D.2.2", "Deadlock", .mechanism,
            "The kernel refuses a call that would come back to a thread that waits for it. A wait for a signal that "
                + "does not come is a stall through a bell."),
        InterferenceTerm(
            "D.2.2", "Livelock", .partly,
            "An element that works without progress stalls others as one that computes without end does. The analysis "
                + "does not show that an element makes progress itself."),
        InterferenceTerm(
            "D.2.2", "Incorrect allocation of execution time", .finding,
            "The effect stall through a core or through root, and the chapter on bounded delays. Cores, priorities and "
                + "budgets are in the plan."),
        InterferenceTerm(
            "D.2.2", "Incorrect synchronisation between elements", .partly,
            "A signal that does not come is a stall. A signal or an access at the wrong moment is not treated."),
    ]

    private static let memory = [
        InterferenceTerm(
            "D.2.3", "Corruption of content", .finding,
            "The effect change."),
        InterferenceTerm(
            "D.2.3", "Inconsistent data", .partly,
            "Memory that two elements share may change while one of them reads it, which is a change through memory. "
                + "Whether the reader takes a consistent copy is not treated."),
        InterferenceTerm(
            "D.2.3", "Stack overflow or underflow", .mechanism,
            "The pages below and above each stack of an element are not mapped, nor is the page below each stack of "
                + "the kernel. All that an element can reach from its stack is its own."),
        InterferenceTerm(
            "D.2.3", "Read or write access to memory of another element", .finding,
            "The effects read and change. An element reaches only memory that the plan maps for it."),
    ]

    private static let exchange = [
        InterferenceTerm(
            "D.2.4", "Repetition of information", .partly,
            "The kernel delivers each call once. An element that sends a request twice is not treated."),
        InterferenceTerm(
            "D.2.4", "Loss of information", .partly,
            "The loss of a ring's elements is a change. Signals of one bit that come before the receiver looks are "
                + "one signal, which is not treated."),
        InterferenceTerm(
            "D.2.4", "Delay of information", .finding,
            "The effect stall through a call or a bell, and the chapter on bounded delays."),
        InterferenceTerm(
            "D.2.4", "Insertion of information", .mechanism,
            "Only the holder of a capability can call or signal, and only the two ends of a ring or of shared memory "
                + "have its memory. The plan lists the first holders, and others get a capability only by a holder's "
                + "message."),
        InterferenceTerm(
            "D.2.4", "Masquerade or incorrect addressing", .mechanism,
            "A message carries the badge of its sender's capability, which the sender cannot change. An element names "
                + "receivers only by slots that the plan or another message has filled."),
        InterferenceTerm(
            "D.2.4", "Incorrect sequence of information", .partly,
            "The calls of a thread are answered one after the other, and a ring keeps the order of its elements. An "
                + "element that sends in the wrong order is not treated."),
        InterferenceTerm(
            "D.2.4", "Corruption of information", .finding,
            "The effect change through memory or a lease. The words of a message travel through the kernel."),
        InterferenceTerm(
            "D.2.4", "Asymmetric information from a sender to several receivers", .partly,
            "Each channel has one receiver. An element that tells two receivers different things is not treated."),
        InterferenceTerm(
            "D.2.4", "Information that only some of the receivers get", .partly,
            "Each channel has one receiver. An element that tells only one of two receivers is not treated."),
        InterferenceTerm(
            "D.2.4", "Blocked access to a communication channel", .partly,
            "The effect stall through a call, a caller or a bell. The chapter on limits names the cases that are not "
                + "treated, such as other clients in a server's queue."),
    ]
}

extension HarmReport {
    /// The terms of annex D, each with its treatment.
    var terms: String {
        "<h2>Terms of annex D</h2>\n"
            + "<p>A <i>finding</i> is listed pair by pair in the chapters that follow. A <i>mechanism</i> of the kernel "
            + "or of the plan excludes the rest.</p>\n"
            + table(
                ["Clause", "Term", "Treatment", "By"],
                InterferenceTerm.all.map {
                    [$0.clause, escaped($0.term), $0.treatment.rawValue, escaped($0.explanation)]
                })
    }

    /// The limits of the analysis, as docs/caveats.md lists them.
    var limits: String {
        var text = "<h2>Limits of the analysis</h2>\n<ul>\n"
        var isInside = false
        for limit in evidence.limits {
            if limit.isNested != isInside { text += limit.isNested ? "<ul>\n" : "</ul>\n" }
            isInside = limit.isNested
            text += "<li>\(marked(limit.text))</li>\n"
        }
        return text + (isInside ? "</ul>\n" : "") + "</ul>\n"
    }

    /// Returns a line of Markdown with its bold text and code in HTML.
    private func marked(_ text: String) -> String {
        escaped(text).replacing(/\*\*([^*]+)\*\*/) { "<b>\($0.1)</b>" }.replacing(/`([^`]+)`/) {
            "<code>\($0.1)</code>"
        }
    }
}
