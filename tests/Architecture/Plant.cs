using System.Reflection;
using System.Reflection.Emit;

namespace Domicile.Tests.Architecture;

/// <summary>A small assembly with something wrong in it, written as the compiler would, so that the reader of facts is tried together with the rule.</summary>
internal static class Plant
{
    /// <summary>The facts of an assembly with one type, one of whose methods uses another type in its body.</summary>
    public static IReadOnlyCollection<UseFact> InBody(string assembly, string user, Type used) => Facts(assembly, module =>
    {
        var type = module.DefineType(user, TypeAttributes.Public);
        var code = type.DefineMethod("Work", MethodAttributes.Private | MethodAttributes.Static, typeof(void), []).GetILGenerator();
        code.Emit(OpCodes.Ldtoken, used);
        code.Emit(OpCodes.Pop);
        code.Emit(OpCodes.Ret);
        type.CreateType();
    });

    /// <summary>The same, used in a field of a nested type and inside a generic type.</summary>
    public static IReadOnlyCollection<UseFact> InNestedField(string assembly, string user, Type used) => Facts(assembly, module =>
    {
        var type = module.DefineType(user, TypeAttributes.Public);
        var nested = type.DefineNestedType("Hidden", TypeAttributes.NestedPrivate);
        nested.DefineField("held", typeof(List<>).MakeGenericType(used), FieldAttributes.Private);
        type.CreateType();
        nested.CreateType();
    });

    /// <summary>The facts of an assembly with two types, one of which calls the other.</summary>
    public static IReadOnlyCollection<UseFact> Between(string assembly, string user, string used, bool isTypePublic, bool isMemberPublic) => Facts(assembly, module =>
    {
        var called = module.DefineType(used, isTypePublic ? TypeAttributes.Public : TypeAttributes.NotPublic);
        var member = called.DefineMethod("Help", (isMemberPublic ? MethodAttributes.Public : MethodAttributes.Assembly) | MethodAttributes.Static, typeof(void), []);
        member.GetILGenerator().Emit(OpCodes.Ret);
        called.CreateType();
        var type = module.DefineType(user, TypeAttributes.Public);
        var code = type.DefineMethod("Work", MethodAttributes.Public, typeof(void), []).GetILGenerator();
        code.Emit(OpCodes.Call, member);
        code.Emit(OpCodes.Ret);
        type.CreateType();
    });

    private static IReadOnlyCollection<UseFact> Facts(string name, Action<ModuleBuilder> build)
    {
        var assembly = new PersistedAssemblyBuilder(new AssemblyName(name), typeof(object).Assembly);
        build(assembly.DefineDynamicModule(name));
        var stream = new MemoryStream();
        assembly.Save(stream);
        stream.Position = 0;
        return AssemblyFacts.UsesOf(stream);
    }
}
