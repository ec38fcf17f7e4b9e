import Foundation
import SystemImage

@testable import Tool

/// A fault that the trial can cause in a part, and the steps that restore the system afterwards.
struct HarmTrialFault {
    enum Action: Equatable {
        case kill
        case type(String)
    }

    enum Remedy: Equatable {
        /// Kills the part of this name, or the offender if the name is nil.
        case kill(String?)
        case awaitReturn(String)
        case type(String)
    }

    var name: String
    var action: Action
    var remedy: [Remedy] = []
    /// The part that the trial itself kills, so that its end is no effect of the fault.
    var victim: String?
    /// The name of the trial's own steps behind the fault, which may have effects as well.
    var nameOfRemedy: String { name + (remedy.contains(.kill(nil)) ? ", and was killed" : ", and went on") }
    /// True if the offender dies and comes back by itself.
    var isOver: Bool { action == .kill || action == .type(Self.outside) }

    /// The letter that makes a component load from an address that is not mapped.
    static let outside = "o"
}

/// A machine or a component of a system under trial.
struct HarmTrialPart {
    let name: String
    /// The number of its console's channel, by which its secret names the part. Those of the kernel, root and the
    /// console driver come first.
    let number: Int
    static let firstNumber = 3

    /// Returns the word with which a part of this number fills its memory.
    static func secret(of number: Int) -> UInt64 { 0x53EC_2E7A_91D4_0000 | UInt64(number) }

    let isMachine: Bool
    /// True for a part that measures the time between its turns, between the letters `l` and `q`.
    let witnesses: Bool
    /// True for a part that fills its memory with its secret, and that reads and writes all that it can name at the
    /// letters `r` and `w`.
    let reaches: Bool
    /// True for a machine with a shell, which runs commands and may print nothing by itself.
    let isAsked: Bool
    /// True for a part that prints a line every 200 ms. A pager prints none, because its clients show whether it works.
    let speaks: Bool
    /// True if the trial sees at once that the part stands still.
    var showsStall: Bool { speaks || isAsked }
    /// True if the part checks its memory at each line that it prints.
    var checksMemory: Bool { reaches && speaks }
    /// True for a part that says so if it gets a letter that nobody has typed.
    var noticesInput: Bool { !isAdded }
    /// True for a part that the tool has added to the system. It prints nothing, because the users of disks show
    /// whether it works.
    let isAdded: Bool
    let faults: [HarmTrialFault]

    init(_ tenant: TenantDescription, number: Int) {
        (name, self.number) = (tenant.name, number)
        var faults = [HarmTrialFault(name: "killed", action: .kill)]
        if case .component(let component) = tenant, component.program == .target("Hang") {
            faults = [
                HarmTrialFault(
                    name: "loaded from outside of its memory, and died", action: .type(HarmTrialFault.outside))
            ]
        }
        func hang(_ name: String, _ text: String) {
            faults.append(HarmTrialFault(name: name, action: .type(text), remedy: [.kill(nil)]))
        }
        switch tenant {
        case .machine(let machine):
            if case .debian = machine.guest { isAsked = true } else { isAsked = false }
            hang("computed without end", isAsked ? "while :; do :; done\n" : "s")
        case .component(let component):
            isAsked = false
            switch (component.program, component.arguments.first) {
            case (.target("Hang"), 2):
                hang("spun", "s")
                hang("never replied", "h")
            case (.target("Hang"), _), (.package, 3): hang("spun", "s")
            case (.target("BadPager"), _): hang("never replied", "h")
            case (.package, 2):
                hang("spun", "s")
                hang("took nothing", "t")
                faults.append(
                    HarmTrialFault(name: "took nothing for a while", action: .type("t"), remedy: [.type("t")]))
                // The lease ends when its caller is killed, because the call ends then. The kernel does not wait for
                // the server, so the caller comes back while the server still hangs.
                faults.append(
                    HarmTrialFault(
                        name: "kept a lease", action: .type("k"),
                        remedy: [.kill("producer"), .awaitReturn("producer"), .kill(nil)], victim: "producer"))
            default: break
            }
        }
        self.faults = faults
        switch tenant {
        case .component(let component):
            isMachine = false
            isAdded = component.isAdded
            speaks = component.program != .target("BadPager") && !isAdded
            witnesses = speaks
            reaches = [.target("BadPager"), .target("Hang")].contains(component.program)
        case .machine:
            isMachine = true
            isAdded = false
            (speaks, witnesses, reaches) = (!isAsked, !isAsked, !isAsked)
        }
    }
}

extension TenantDescription {
    /// Replaces this tenant's program by one that prints a line every 200 ms, and hangs on request.
    ///
    /// - Parameter file: the place for a file full of the part's secret, for a part whose memory a pager brings.
    mutating func standIn(_ standIns: HarmTrial.StandIns, file: URL, number: Int) {
        switch self {
        case .machine(var machine):
            guard standIns == .all else { return }
            machine.guest = .target("HangGuest")
            self = .machine(machine)
        case .component(var component):
            guard standIns != .none, !component.isAdded else { return }
            let isPager = [.target("Pager"), .target("BadPager")].contains(component.program)
            component.program = .target(isPager ? "BadPager" : "Hang")
            component.arguments = [isPager ? 4 : component.paged == nil ? 0 : 5]
            // The pager has one frame, so that a file of several pages causes a fault at each turn.
            if component.paged != nil {
                let words = [UInt64](repeating: HarmTrialPart.secret(of: number).littleEndian, count: 2048)
                try? words.withUnsafeBytes { Data($0) }.write(to: file)
                component.paged?.file = file
            }
            self = .component(component)
        }
    }

    /// Gives a component that observes itself its secret, as argument 1. A machine gets it by its console.
    mutating func giveSecret(of number: Int) {
        guard case .component(var component) = self,
            [.target("BadPager"), .target("Hang")].contains(component.program)
        else { return }
        component.arguments = [component.arguments.first ?? 0, HarmTrialPart.secret(of: number)]
        self = .component(component)
    }
}

extension RestartDescription {
    /// Sets the back-off to a time that suffices to observe other parts while this one is dead, and allows as many
    /// restarts as possible. The action beyond the limit stays, and so does a limit of 0.
    mutating func wait(milliseconds: UInt64) {
        guard limit > 0 else { return }
        (limit, span) = (16, TimeSpan(milliseconds: 3_600_000))
        (backoff, backoffLimit) = (TimeSpan(milliseconds: milliseconds), TimeSpan(milliseconds: milliseconds))
    }
}
