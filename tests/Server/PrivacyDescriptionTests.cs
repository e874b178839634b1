using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Domicile.Modules.Privacy;
using Domicile.Residency;
using Domicile.Tests.Conversations;
using Domicile.Tests.Hardness;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Tests.Server;

/// <summary>The description of what is below /privacy/: current, whole, and what the server really answers.</summary>
public sealed class PrivacyDescriptionTests(SharedServer shared)
{
    private const string Requests = "/privacy/subjectRequests";
    private static readonly string Text = Generate();
    private static readonly JsonObject Document = JsonNode.Parse(Text)!.AsObject();

    /// <summary>With <c>DOMICILE_WRITE_DOCS=1</c> this writes the document instead of comparing it.</summary>
    [Fact]
    public void The_committed_description_is_what_the_operations_and_the_contract_say()
    {
        var path = Path.Combine(Repository.Root, "docs", "privacy.openapi.json");
        if (Environment.GetEnvironmentVariable("DOMICILE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, Text);
        }

        Assert.True(File.Exists(path) && File.ReadAllText(path) == Text, "docs/privacy.openapi.json is stale: run this test with DOMICILE_WRITE_DOCS=1 and commit the file.");
    }

    [Fact]
    public void Every_operation_below_privacy_is_described_and_nothing_else()
    {
        var served = Interface.Operations.Where(operation => operation.Path.StartsWith("/privacy/", StringComparison.Ordinal)).ToList();
        var described = Described().ToList();
        Assert.Equal(
            served.Select(operation => $"{operation.Method} {operation.Path} {operation.Name}").Order(StringComparer.Ordinal),
            described.Select(each => $"{each.Method.ToUpperInvariant()} {each.Path} {each.What["operationId"]}").Order(StringComparer.Ordinal));
        foreach (var (path, _, what) in described)
        {
            var operation = served.Single(each => each.Name == (string)what["operationId"]!);
            Assert.Equal(operation.Access.Roles, what["x-roles"]?.AsArray().Select(role => (string)role!) ?? []);
            Assert.Equal(operation.Access.Kind == Domicile.Modules.Http.AccessKind.Open, what["security"]!.AsArray().Count == 0);
            var parameters = what["parameters"]?.AsArray().Select(parameter => ((string)parameter!["in"]!, (string)parameter["name"]!)).ToList() ?? [];
            Assert.Equal(Regex.Matches(path, @"\{(\w+)\}").Select(match => match.Groups[1].Value), parameters.Where(parameter => parameter.Item1 == "path").Select(parameter => parameter.Item2));
            Assert.Equal(
                (Interface.Samples.SingleOrDefault(sample => sample.Operation == operation.Name)?.Query ?? []).Select(query => query.Name).Order(StringComparer.Ordinal),
                parameters.Where(parameter => parameter.Item1 == "query").Select(parameter => parameter.Item2).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void Every_reference_of_the_description_leads_somewhere_and_no_schema_is_for_nothing()
    {
        var references = Regex.Matches(Text, "\"\\$ref\": \"([^\"]*)\"").Select(match => match.Groups[1].Value).ToHashSet();
        Assert.All(references, reference => Assert.NotNull(Resolve(reference)));
        Assert.All(Document["components"]!["schemas"]!.AsObject(), schema => Assert.Contains($"#/components/schemas/{schema.Key}", references));
    }

    [Theory]
    [InlineData("""{"requestId":"ID","kind":"access","reason":"r","identifiers":[{"type":"phoneNumber","value":"+3120"}]}""", true)]
    [InlineData("""{"requestId":"ID","kind":"rectify","reason":"r","identifiers":[{"type":"email","value":"a@b"}],"changes":[{"kind":"chat.participant","member":"displayName","value":null}]}""", true)]
    [InlineData("""{"kind":"access","reason":"r","identifiers":[{"type":"email","value":"a@b"}]}""", false)]
    [InlineData("""{"requestId":"x","kind":"access","reason":"r","identifiers":[{"type":"email","value":"a@b"}]}""", false)]
    [InlineData("""{"requestId":"ID","kind":"forget","reason":"r","identifiers":[{"type":"email","value":"a@b"}]}""", false)]
    [InlineData("""{"requestId":"ID","kind":"access","reason":"","identifiers":[{"type":"email","value":"a@b"}]}""", false)]
    [InlineData("""{"requestId":"ID","kind":"access","reason":"r","identifiers":[]}""", false)]
    [InlineData("""{"requestId":"ID","kind":"access","reason":"r","identifiers":[{"type":"shoeSize","value":"44"}]}""", false)]
    [InlineData("""{"requestId":"ID","kind":"access","reason":"r","identifiers":[{"type":"email"}]}""", false)]
    [InlineData("""{"requestId":"ID","kind":"access","reason":"r","identifiers":[{"type":"email","value":"a@b"}],"more":1}""", false)]
    public async Task What_the_description_allows_the_server_takes_and_what_it_forbids_the_server_refuses(string body, bool isGood)
    {
        body = body.Replace("ID", $"{Guid.NewGuid()}", StringComparison.Ordinal);
        var schema = Describe("Privacy_MakeSubjectRequest")["requestBody"]!["content"]!["application/json"]!["schema"]!;
        Assert.Equal(isGood, !Faults(schema, JsonNode.Parse(body), "body").Any());
        using var wire = await shared.Wire();
        var answer = await wire.AsUser(await Officer(), HttpMethod.Post, Requests, JsonNode.Parse(body)!);
        Assert.Empty(Faults("Privacy_MakeSubjectRequest", answer));
        answer.Is(isGood ? 202 : 400);
    }

    [Fact]
    public async Task What_the_server_answers_is_as_described()
    {
        using var wire = await shared.Wire();
        var officer = await Officer();
        var served = (await wire.Send(HttpMethod.Get, "/privacy/openapi.json")).Is(200);
        Assert.Equal(Text, served.Body);
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        await wire.Say(ada, await wire.NewThread(ada, bo), "hello");
        Checked("Privacy_GetInventory", await wire.AsUser(officer, HttpMethod.Get, "/privacy/inventory"), 200);
        Checked("Privacy_ListInventoryChanges", await wire.AsUser(officer, HttpMethod.Get, "/privacy/inventory/changes"), 200);
        foreach (var kind in (string[])["access", "export", "erase"])
        {
            object body = new { requestId = Guid.NewGuid(), kind, reason = "a test asks", identifiers = new[] { new { type = "communicationUser", value = ada.Id } } };
            var id = Checked("Privacy_MakeSubjectRequest", await wire.AsUser(officer, HttpMethod.Post, Requests, body), 202).GetProperty("requestId").GetString()!;
            Checked("Privacy_MakeSubjectRequest", await wire.AsUser(officer, HttpMethod.Post, Requests, body), 200);
            await Eventually.Holds(
                async () => Checked("Privacy_GetSubjectRequest", await wire.AsUser(officer, HttpMethod.Get, $"{Requests}/{id}"), 200).GetProperty("state").GetString() == "completed",
                TimeSpan.FromSeconds(60),
                () => $"{kind} is completed");
            var erased = kind == "erase";
            Checked("Privacy_GetSubjectResult", await wire.AsUser(officer, HttpMethod.Get, $"{Requests}/{id}/result"), erased ? 404 : 200);
            Checked("Privacy_GetReceipt", await wire.AsUser(officer, HttpMethod.Get, $"{Requests}/{id}/receipt"), erased ? 200 : 404);
            Checked("Privacy_CancelSubjectRequest", await wire.AsUser(officer, HttpMethod.Delete, $"{Requests}/{id}"), 409);
            if (erased)
            {
                using var administration = new Administration(await shared.Server).Wire();
                (await administration.AsUser(officer, HttpMethod.Post, "/audit/checkpoints")).Is(200);
                JsonElement receipt = default;
                await Eventually.Holds(
                    async () => (receipt = Checked("Privacy_GetReceipt", await wire.AsUser(officer, HttpMethod.Get, $"{Requests}/{id}/receipt"), 200)).GetProperty("state").GetString() == SubjectReceipt.Complete,
                    TimeSpan.FromSeconds(60),
                    () => "the receipt is proved");
                Assert.Empty(Faults(Document["components"]!["schemas"]!["ErasureStatement"]!, JsonNode.Parse(receipt.GetProperty("statement").GetString()!), "statement"));
            }
        }

        Checked("Privacy_ListSubjectRequests", await wire.AsUser(officer, HttpMethod.Get, $"{Requests}?maxPageSize=2"), 200);
        Checked("Privacy_ListSubjectRequests", await wire.AsUser(officer, HttpMethod.Get, $"{Requests}?maxPageSize=0"), 400);
    }

    private async Task<string> Officer() => await new Administration(await shared.Server).Token("privacy");

    private static string Generate()
    {
        // Not disposed: the services of a server that never started have nothing to end, and some cannot end before they began.
        return Interface.Services().GetRequiredService<DescriptionEndpoints>().Text;
    }

    private static IEnumerable<(string Path, string Method, JsonObject What)> Described() =>
        from path in Document["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        select (path.Key, operation.Key, operation.Value!.AsObject());

    private static JsonObject Describe(string operation) => Described().Single(each => (string)each.What["operationId"]! == operation).What;

    private static JsonElement Checked(string operation, Answer answer, int status)
    {
        Assert.Empty(Faults(operation, answer.Is(status)));
        return answer.Json;
    }

    /// <summary>What of an answer is not as described.</summary>
    private static IEnumerable<string> Faults(string operation, Answer answer)
    {
        var responses = Describe(operation)["responses"]!;
        var response = responses[$"{answer.Status}"] ?? Resolve((string)responses["default"]!["$ref"]!)!;
        var (type, content) = response["content"]!.AsObject().Single();
        return answer.Header("Content-Type")?.Split(';')[0] == type ? Faults(content!["schema"]!, JsonNode.Parse(answer.Body), operation) : [$"{operation}: {answer.Header("Content-Type")}"];
    }

    private static JsonNode? Resolve(string reference) => reference.StartsWith("#/", StringComparison.Ordinal) ? reference[2..].Split('/').Aggregate((JsonNode?)Document, (node, name) => node?[name]) : null;

    /// <summary>What of a value is not as a schema says: the part of JSON Schema that the description uses, and a fault for any other.</summary>
    private static IEnumerable<string> Faults(JsonNode schema, JsonNode? value, string where)
    {
        if (schema.GetValueKind() == JsonValueKind.True)
        {
            yield break;
        }

        foreach (var (word, said) in schema.AsObject())
        {
            IEnumerable<string> faults = word switch
            {
                "$ref" => Faults(Resolve((string)said!)!, value, where),
                "type" => IsOf((string)said!, value) ? [] : [$"{where} is no {said}"],
                "enum" => said!.AsArray().Any(choice => JsonNode.DeepEquals(choice, value)) ? [] : [$"{where} is none of the choices"],
                "format" => (string)said! switch
                {
                    "uuid" => Guid.TryParseExact((string)value!, "D", out _) ? [] : [$"{where} is no UUID"],
                    "date-time" => DateTimeOffset.TryParse((string)value!, System.Globalization.CultureInfo.InvariantCulture, out _) ? [] : [$"{where} is no instant"],
                    "date" => DateOnly.TryParseExact((string)value!, "yyyy-MM-dd", out _) ? [] : [$"{where} is no day"],
                    _ => [$"a format that this does not know: {said}"],
                },
                "pattern" => Regex.IsMatch((string)value!, (string)said!) ? [] : [$"{where} has another pattern"],
                "minLength" => ((string)value!).Length >= (int)said! ? [] : [$"{where} is too short"],
                "maxLength" => ((string)value!).Length <= (int)said! ? [] : [$"{where} is too long"],
                "minItems" => value!.AsArray().Count >= (int)said! ? [] : [$"{where} has too few"],
                "maxItems" => value!.AsArray().Count <= (int)said! ? [] : [$"{where} has too many"],
                "minimum" => (long)value! >= (long)said! ? [] : [$"{where} is too small"],
                "items" => value!.AsArray().SelectMany((item, i) => Faults(said!, item, $"{where}[{i}]")),
                "properties" => said!.AsObject().Where(property => value!.AsObject().ContainsKey(property.Key)).SelectMany(property => Faults(property.Value!, value![property.Key], $"{where}.{property.Key}")),
                "required" => said!.AsArray().Where(name => !value!.AsObject().ContainsKey((string)name!)).Select(name => $"{where} lacks {name}"),
                "additionalProperties" when said!.GetValueKind() == JsonValueKind.False =>
                    value!.AsObject().Where(property => schema["properties"]![property.Key] is null).Select(property => $"{where} has {property.Key}"),
                "additionalProperties" => value!.AsObject().SelectMany(property => Faults(said, property.Value, $"{where}.{property.Key}")),
                "description" or "contentMediaType" or "contentSchema" => [],
                _ => [$"a word that this does not know: {word}"],
            };
            foreach (var fault in faults)
            {
                yield return fault;
                if (word == "type")
                {
                    yield break;
                }
            }
        }

        // A member that is answered and not described is a fault of ours, though a schema allows it.
        if (schema["properties"] is JsonObject properties && schema["additionalProperties"] is null && value is JsonObject members)
        {
            foreach (var name in members.Select(member => member.Key).Where(name => !properties.ContainsKey(name)))
            {
                yield return $"{where}.{name} is not described";
            }
        }
    }

    private static bool IsOf(string type, JsonNode? value) => (type, value?.GetValueKind()) switch
    {
        ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) or ("string", JsonValueKind.String) or ("number", JsonValueKind.Number) => true,
        ("integer", JsonValueKind.Number) => long.TryParse(value!.ToJsonString(), out _),
        ("boolean", JsonValueKind.True or JsonValueKind.False) => true,
        _ => false,
    };
}
