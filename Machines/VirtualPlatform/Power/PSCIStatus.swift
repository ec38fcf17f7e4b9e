/// The values that a PSCI function returns in `x0` (DEN0022, 5.2.2).
public enum PSCIStatus: Int64 {
    case success = 0
    case notSupported = -1
    case invalidParameters = -2
    case denied = -3
    case alreadyOn = -4
    case onPending = -5
    case internalFailure = -6
    case invalidAddress = -9
}
