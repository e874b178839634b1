namespace Domicile.Bench.InProcess;

/// <summary>Ends a bench in which something is not as it must be.</summary>
internal static class MixCheck
{
    public static void Sure(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}
