import SystemImage
import Tool

/// The lines of a run of the workload, and the instructions that the emulator's plugin counted.
struct ReplicaRun {
    /// A task with the number of its operations.
    struct Task: Equatable {
        var name: String
        var count: Double
        /// The instructions of the whole board for all operations.
        var instructions: Double = 0

        /// The instructions of the whole board for one operation.
        var cost: Double { instructions / count }
    }

    private(set) var tasks: [Task] = []
    /// How often the machine's virtual processors left it, by the kinds of the system that counted.
    private(set) var exits: [String: Double] = [:]
    /// How often execution went from the machine's RAM to the hypervisor, if a plugin has counted it.
    var crossings: UInt64?

    mutating func hear(_ line: String) {
        if let start = line.firstRange(of: "task: ")?.upperBound, let name = line[start...].split(separator: " ").first
        {
            let pairs = WorkloadRun.pairs(in: line, behind: "task: \(name) ")
            if let count = pairs.first(where: { $0.name == "count" }) {
                tasks.append(Task(name: String(name), count: count.value))
            }
        }
        if line.contains("entente: machine ") {
            for pair in WorkloadRun.pairs(in: line, behind: " exits: ") { exits[pair.name] = pair.value }
        }
        if line.contains("task: ") || line.contains("workload: ") || line.contains(" exits: ") { Progress.say(line) }
    }

    mutating func hear(_ line: KVMBoard.Line) {
        switch line {
        case .guest(_, let text): hear(text)
        case .exits(_, let values): exits = values
        default: break
        }
    }

    /// Takes the exits of Xen's guest.
    mutating func count(_ record: CrossingRecord, _ places: XenRun) throws {
        guard !places.hypervisor.isEmpty, !places.firstDomain.isEmpty else {
            throw Failure("Xen does not say where it and its first domain lie in RAM")
        }
        crossings = record.exits(to: places.hypervisor, except: [places.firstDomain])
    }

    /// Takes the instructions of each task from the plugin's marks.
    mutating func count(_ record: InstructionRecord) throws {
        guard record.spans.count == tasks.count else {
            throw Failure("\(record.spans.count) of \(tasks.count) tasks were counted", remedy: "see the lines above")
        }
        for index in tasks.indices { tasks[index].instructions = Double(record.spans[index]) }
    }
}
