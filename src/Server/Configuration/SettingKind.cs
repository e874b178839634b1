namespace Domicile.Server;

/// <summary>What a setting holds.</summary>
internal enum SettingKind
{
    /// <summary>One value.</summary>
    Scalar,

    /// <summary>Further settings.</summary>
    Group,

    /// <summary>Any number of one thing.</summary>
    List,

    /// <summary>One thing for each geography.</summary>
    Map,
}
