namespace Domicile.Tests.Hardness;

/// <summary>Figures of a run, kept with the test's result.</summary>
internal static class Remark
{
    public static void Say(string text) => TestContext.Current.TestOutputHelper?.WriteLine(text);
}
