// Components see the ABI's types, such as `Status` and `Rights`, without naming its module.
@_exported import ABI

/// What root tells this component.
public enum Configuration {
    public static var current: ComponentConfiguration {
        // SAFETY: root mapped the page, filled, before it started this component (ComponentLayout.configuration).
        unsafe UnsafePointer<ComponentConfiguration>(bitPattern: UInt(Seam.address(ComponentLayout.configuration)))
            .unsafelyUnwrapped.pointee
    }
}
