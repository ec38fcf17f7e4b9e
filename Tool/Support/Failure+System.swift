import Foundation
import SystemImage

extension Failure {
    /// Returns any error as a failure.
    package static func of(_ error: any Error) -> Failure {
        (error as? Failure) ?? (error as? CocoaError).map { Failure($0) } ?? Failure("\(error)")
    }

    /// Describes an error of Foundation about a file.
    ///
    /// - Parameter file: the file that the user knows, if the tool worked on another one in its place.
    package init(_ error: CocoaError, of file: URL? = nil) {
        let cause =
            (error.underlying as? POSIXError)?.code
            ?? (error.underlying as NSError?).flatMap {
                $0.domain == NSPOSIXErrorDomain ? POSIXErrorCode(rawValue: Int32($0.code)) : nil
            }
        let path = file?.path ?? error.filePath ?? error.url?.path ?? "a file"
        switch error.code {
        case .fileReadInapplicableStringEncoding, .fileReadCorruptFile, .fileReadUnknownStringEncoding:
            self.init("\(path) is not UTF-8 text", remedy: "save it as UTF-8")
        default:
            let reason = cause.map { String(cString: strerror($0.rawValue)) } ?? error.localizedDescription
            self.init("\(path): \(reason)", remedy: Failure.remedy(for: cause))
        }
    }

    /// Describes the reason for which a system call about a file has just failed.
    package static func ofCall(_ code: Int32 = errno, on file: URL) -> Failure {
        Failure("\(file.path): \(String(cString: strerror(code)))", remedy: remedy(for: POSIXErrorCode(rawValue: code)))
    }

    package static let remedyForFullDisk = "free some space there, or send it to another disk"

    package static func remedy(for cause: POSIXErrorCode?) -> String {
        switch cause {
        case .ENOSPC, .EDQUOT: remedyForFullDisk
        case .EROFS: "the file system is mounted read-only; choose a writable place"
        case .EACCES, .EPERM: "make the file or folder accessible to your account"
        case .EMFILE, .ENFILE: "raise the limit of open files (ulimit -n)"
        case .EIO: "the disk reports an error; see the system's log"
        case .ENOENT, .ENOTDIR, .EISDIR, .ENAMETOOLONG, .ELOOP: "correct the path"
        default: "correct the path, or make the file or folder accessible"
        }
    }
}

/// The exit statuses beyond 0, 1 and those of the guest's own commands. The values are those of timeout(1) and ssh(1).
package enum ExitStatus {
    package static let timeout: Int32 = 124
    package static let connectionLost: Int32 = 255
}
