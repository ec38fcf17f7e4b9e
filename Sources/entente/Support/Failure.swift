/// A failure that ends a command: what is wrong, and what the user can do about it.
struct Failure: Error, CustomStringConvertible {
    var problem: String
    var remedy: String?
    /// The exit status of the tool.
    var status: Int32

    init(_ problem: String, remedy: String? = nil, status: Int32 = 1) {
        self.problem = problem
        self.remedy = remedy
        self.status = status
    }

    var description: String {
        guard let remedy else { return problem }
        return "\(problem)\n  remedy: \(remedy)"
    }
}

/// Exit statuses beyond 0, 1 and those of the guest's own commands. The values are those of timeout(1) and ssh(1).
enum ExitStatus {
    static let timeout: Int32 = 124
    static let connectionLost: Int32 = 255
}
