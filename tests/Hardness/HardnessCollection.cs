namespace Domicile.Tests.Hardness;

/// <summary>What loads the machine runs one after the other.</summary>
[CollectionDefinition(nameof(HardnessCollection))]
public sealed class HardnessCollection;
