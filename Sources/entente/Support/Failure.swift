import Foundation

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

extension Failure {
    /// What Foundation says of a file, in words.
    init(_ error: CocoaError) {
        let cause = (error.underlying as? POSIXError)?.code ?? (error.underlying as NSError?).flatMap {
            $0.domain == NSPOSIXErrorDomain ? POSIXErrorCode(rawValue: Int32($0.code)) : nil
        }
        let path = error.filePath ?? error.url?.path ?? "a file"
        switch error.code {
        case .fileReadInapplicableStringEncoding, .fileReadCorruptFile, .fileReadUnknownStringEncoding:
            self.init("\(path) is not UTF-8 text", remedy: "save it as UTF-8")
        default:
            let reason = cause.map { String(cString: strerror($0.rawValue)) } ?? error.localizedDescription
            self.init("\(path): \(reason)", remedy: "correct the path, or make the file or folder accessible")
        }
    }
}

/// Exit statuses beyond 0, 1 and those of the guest's own commands. The values are those of timeout(1) and ssh(1).
enum ExitStatus {
    static let timeout: Int32 = 124
    static let connectionLost: Int32 = 255
}
