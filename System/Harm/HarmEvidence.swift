/// The origin of the analysis and of the faults, for the reader of a report.
public struct HarmEvidence: Sendable {
    /// The names and values of versions (the tool, the compiler, the emulator), and the hash of the image.
    public var versions: [(name: String, value: String)]
    /// The faults that a test has tried on a system with this plan.
    public let injections: [FaultInjection]
    /// The number of faults that were left out, because a test has tried them on a system with another plan.
    public let foreignInjections: Int
    /// The hash of the plan that the document is about.
    public let plan: String
    /// The commit of the tool that writes the document.
    public let commit: String
    /// The limits of the analysis, from docs/caveats.md.
    public let limits: [Limit]

    /// An entry of a list in Markdown.
    public struct Limit: Sendable, Equatable {
        public var text: String
        /// True if the entry belongs to the list of the last entry before it that is not nested.
        public var isNested: Bool

        public init(text: String, isNested: Bool) { (self.text, self.isNested) = (text, isNested) }
    }

    /// Selects the faults that are evidence for a plan.
    ///
    /// A name does not identify a system: the manifest may have changed since the test, and another manifest may have
    /// the same name.
    /// - Parameters:
    ///   - injections: the faults that a test has tried on the systems of this name.
    ///   - plan: the hash of the plan that the document is about.
    ///   - commit: the commit of the tool that writes the document.
    ///   - limits: the limits of the analysis.
    public init(
        versions: [(name: String, value: String)], injections: [FaultInjection], plan: String, commit: String,
        limits: [Limit] = []
    ) {
        self.versions = versions
        self.injections = injections.filter { $0.plan == plan }
        foreignInjections = injections.count - self.injections.count
        (self.plan, self.commit, self.limits) = (plan, commit, limits)
    }

    /// The end of a commit's name if files differ from the commit. Two such states may differ from each other.
    public static let changed = " with local changes"

    /// Returns true if a fault was tried with the very tool and programs of the document's commit.
    func isOfThisCommit(_ injection: FaultInjection) -> Bool {
        injection.commit == commit && !commit.hasSuffix(Self.changed)
    }

    /// The differences between the tested systems and the manifest's, each once.
    var remarks: [String] { Set(injections.map(\.remark)).subtracting([""]).sorted() }
}

/// A fault that a test has tried on a running system, with its victims.
public struct FaultInjection: Codable, Sendable {
    /// The name of the tenant that the test has killed or hung.
    public var offender: String
    /// The kind of the fault, such as `killed` or `spun`.
    public var fault: String
    /// The effect that the fault tries to have on all others: `change` or `read`. Nil if the fault can stall or end
    /// others.
    public var aim: HarmEffect?
    public var observations: [Observation]
    /// The commit of the tool that tried it.
    public var commit: String
    /// The hash of the plan of the system's manifest. Nil if an older version of the tests has written the fault,
    /// which then matches no plan.
    public var plan: String?
    /// The difference between the tested system and the manifest's; empty if there was none.
    public var remark: String

    public struct Observation: Codable, Sendable {
        public var victim: String
        /// The effect on the victim, or nil if the victim went on.
        public var effect: HarmEffect?

        public init(victim: String, effect: HarmEffect?) { (self.victim, self.effect) = (victim, effect) }
    }

    public init(
        offender: String, fault: String, aim: HarmEffect? = nil, observations: [Observation], commit: String,
        plan: String, remark: String = ""
    ) {
        (self.offender, self.fault, self.aim, self.observations) = (offender, fault, aim, observations)
        (self.commit, self.plan, self.remark) = (commit, plan, remark)
    }
}

extension FaultInjection {
    /// The words for a victim without harm.
    var noHarm: String { aim.map { "was not \($0.participle)" } ?? "went on" }
}
