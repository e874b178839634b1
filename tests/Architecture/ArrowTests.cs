using System.Reflection;
using System.Xml.Linq;
using Domicile.Cli;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Engine;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Architecture;

/// <summary>Cli → Server → Modules → Storage → Residency, and what each may know. Beside each rule stands what turns it red.</summary>
public sealed class ArrowTests
{
    private static readonly Assembly[] Built =
        [typeof(Terminal).Assembly, typeof(Domicile.Server.Node).Assembly, typeof(Call).Assembly, typeof(Home).Assembly, typeof(Catalogue).Assembly];

    private static readonly Lazy<IReadOnlyList<UseFact>> Uses = new(() => [.. Built.SelectMany(AssemblyFacts.UsesOf)]);

    // A door is what hands out a way to data. The host opens scale units; everyone else begins with a home that they were given.
    private static readonly HashSet<string> Doors =
    [
        "ScaleUnit.Open", "ScaleUnit.Own", "ScaleUnitAdministration.Find", "ScaleUnitAdministration.Add", "ScaleUnitAdministration.SayBeforeTheEnd", "Home.Store", "Home.Administration", "HomeStore.Query",
    ];

    [Fact]
    public void The_layers_are_those_that_are_built() => Assert.Equal(Fences.Layers, Built.Select(assembly => assembly.GetName().Name));

    [Fact]
    public void What_the_code_uses_is_seen()
    {
        Assert.Contains(Uses.Value, use => use.User.ToString() == "Domicile.Server.Node" && use.Used.ToString() == "Domicile.Storage.ScaleUnit");
        Assert.Contains(Uses.Value, use => use.User.ToString() == "Domicile.Modules.Chat.ChatStore" && use.Used.ToString() == "System.Data.Common.DbConnection");
        Assert.Contains(Uses.Value, use => use.User.ToString() == "Domicile.Modules.Chat.ChatThreads" && use.Used.ToString() == "Domicile.Modules.Chat.ChatStore" && !use.IsPublic);
    }

    [Fact]
    public void Projects_refer_to_the_next_one_below()
    {
        var references = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .SelectMany(file => XDocument.Load(file).Descendants("ProjectReference").Select(reference => (Path.GetFileNameWithoutExtension(file), Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')))))
            .ToList();
        Assert.Equal(4, references.Count);
        Assert.Empty(Fences.OfProjects(references));
    }

    [Theory]
    [InlineData("Storage", "Modules")]
    [InlineData("Residency", "Storage")]
    [InlineData("Cli", "Storage")]
    [InlineData("Somewhere", "Residency")]
    public void A_project_that_refers_upwards_or_past_its_neighbour_is_found(string project, string reference) => Assert.Single(Fences.OfProjects([(project, reference)]));

    [Fact]
    public void Types_use_their_own_layer_and_those_below() => AssertKept(Fences.OfLayers);

    [Fact]
    public void A_type_that_uses_a_layer_above_is_found()
    {
        Assert.Single(Fences.OfLayers(Plant.InBody("Domicile.Residency", "Domicile.Residency.Spy", typeof(Home))));
        Assert.Single(Fences.OfLayers(Plant.InNestedField("Domicile.Storage", "Domicile.Storage.Spy", typeof(Call))));
        Assert.Empty(Fences.OfLayers(Plant.InBody("Domicile.Modules", "Domicile.Modules.Chat.Good", typeof(Home))));
    }

    [Fact]
    public void The_heart_knows_no_database_no_web_and_no_log() => AssertKept(Fences.OfResidency);

    [Theory]
    [InlineData(typeof(System.Data.Common.DbConnection))]
    [InlineData(typeof(Microsoft.Data.Sqlite.SqliteConnection))]
    [InlineData(typeof(Microsoft.AspNetCore.Http.HttpContext))]
    [InlineData(typeof(Microsoft.Extensions.Logging.ILogger))]
    [InlineData(typeof(HttpClient))]
    public void A_heart_that_knows_more_is_found(Type more)
    {
        Assert.Single(Fences.OfResidency(Plant.InBody("Domicile.Residency", "Domicile.Residency.Spy", more)));
        Assert.Single(Fences.OfResidency(Plant.InNestedField("Domicile.Residency", "Domicile.Residency.Spy", more)));
    }

    [Fact]
    public void Storage_knows_no_web() => AssertKept(Fences.OfStorage);

    [Fact]
    public void Storage_that_knows_the_web_is_found() =>
        Assert.Single(Fences.OfStorage(Plant.InBody("Domicile.Storage", "Domicile.Storage.Spy", typeof(Microsoft.AspNetCore.Http.HttpContext))));

    [Fact]
    public void Modules_use_what_others_publish() => AssertKept(Fences.OfModules);

    [Fact]
    public void A_module_that_uses_what_another_keeps_to_itself_is_found()
    {
        Assert.Single(Fences.OfModules(Plant.Between("Domicile.Modules", "Domicile.Modules.Chat.Spy", "Domicile.Modules.Sms.Hidden", isTypePublic: false, isMemberPublic: true)));
        Assert.Single(Fences.OfModules(Plant.Between("Domicile.Modules", "Domicile.Modules.Chat.Spy", "Domicile.Modules.Sms.Contract", isTypePublic: true, isMemberPublic: false)));
        Assert.Empty(Fences.OfModules(Plant.Between("Domicile.Modules", "Domicile.Modules.Chat.Spy", "Domicile.Modules.Sms.Contract", isTypePublic: true, isMemberPublic: true)));
        Assert.Empty(Fences.OfModules(Plant.Between("Domicile.Modules", "Domicile.Modules.Chat.Spy", "Domicile.Modules.Http.Shared", isTypePublic: false, isMemberPublic: true)));
        Assert.Empty(Fences.OfModules(Plant.Between("Domicile.Modules", "Domicile.Modules.Chat.Spy", "Domicile.Modules.Chat.Own", isTypePublic: false, isMemberPublic: true)));
    }

    [Fact]
    public void What_modules_share_knows_none_of_them() => AssertKept(Fences.OfCommonGround);

    [Fact]
    public void Common_ground_that_knows_a_module_is_found() =>
        Assert.Single(Fences.OfCommonGround(Plant.Between("Domicile.Modules", "Domicile.Modules.Http.Spy", "Domicile.Modules.Sms.Contract", isTypePublic: true, isMemberPublic: true)));

    [Fact]
    public void Sql_is_in_storage_and_in_store_files() => AssertKept(Fences.OfSql);

    [Fact]
    public void Sql_elsewhere_is_found()
    {
        Assert.Single(Fences.OfSql(Plant.InBody("Domicile.Modules", "Domicile.Modules.Chat.ChatEndpoints", typeof(System.Data.Common.DbConnection))));
        Assert.Single(Fences.OfSql(Plant.InBody("Domicile.Server", "Domicile.Server.SpyStore", typeof(Dapper.SqlMapper))));
        Assert.Empty(Fences.OfSql(Plant.InBody("Domicile.Modules", "Domicile.Modules.Chat.ChatStore", typeof(System.Data.Common.DbConnection))));
    }

    [Fact]
    public void Scale_units_are_the_hosts_alone() => AssertKept(Fences.OfScaleUnits);

    [Fact]
    public void A_module_that_names_a_scale_unit_is_found()
    {
        Assert.Single(Fences.OfScaleUnits(Plant.InBody("Domicile.Modules", "Domicile.Modules.Chat.Spy", typeof(ScaleUnit))));
        Assert.Single(Fences.OfScaleUnits(Plant.InNestedField("domicile", "Domicile.Cli.Spy", typeof(ScaleUnitOptions))));
    }

    [Fact]
    public void A_home_is_the_only_door_to_storage()
    {
        var members = PublicMembers(typeof(Home).Assembly).ToList();
        Assert.Empty(Fences.OfDoors(members, Doors));
        Assert.Empty(Doors.Except(members.Select(member => member.Member)));
        Assert.False(typeof(IStoreEngine).IsVisible);
    }

    [Fact]
    public void Another_door_is_found()
    {
        Assert.Single(Fences.OfDoors([("Spy.Engine", typeof(IStoreEngine))], Doors));
        Assert.Single(Fences.OfDoors([("Spy.Homes", typeof(Task<IReadOnlyList<Home>>))], Doors));
        Assert.Single(Fences.OfDoors([("Spy.Open", typeof(Microsoft.Data.Sqlite.SqliteConnection))], Doors));
        Assert.Single(Fences.OfDoors([("Spy.Ask", typeof(Action<System.Data.Common.DbConnection>))], Doors));
    }

    private static void AssertKept(Func<IEnumerable<UseFact>, IEnumerable<string>> fence) => Assert.Empty(fence(Uses.Value));

    /// <summary>What each public member hands to its caller: a value, or what it calls the caller's function with.</summary>
    private static IEnumerable<(string Member, Type Gives)> PublicMembers(Assembly assembly) =>
        from type in assembly.GetExportedTypes()
        from member in type.GetMembers(BindingFlags.Public | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly)
        from gives in member switch
        {
            PropertyInfo property => [property.PropertyType],
            FieldInfo field => [field.FieldType],
            MethodInfo { IsSpecialName: false } method => [method.ReturnType, .. method.GetParameters().Select(parameter => parameter.ParameterType).Where(parameter => parameter.IsAssignableTo(typeof(Delegate)))],
            _ => Array.Empty<Type>(),
        }
        select ($"{type.Name.Split('`')[0]}.{member.Name}", gives);
}
