using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Privacy;

/// <summary>
/// The description of what is served below <c>/privacy/</c>, as OpenAPI 3.1 (spec.openapis.org/oas/v3.1.0). Paths, roles and limits are those of the operations, schemas
/// those of the contract's types; only what neither says, such as one sentence for each operation, is written here. An operation without it stops the description from
/// being made, and a test.
/// </summary>
internal static partial class PrivacyDescription
{
    private const int DescribedDepth = 64;
    private const string SchemaPath = "#/components/schemas/";
    private const string Scheme = "administrator";

    private static readonly Dictionary<string, Told> Words = new()
    {
        ["Privacy_GetInventory"] = new("The live data map of the resource: every kind of record, its fields, where and how long it is kept, and how many there are.", [Json(200, PrivacyJson.Default.DataMap)]),
        ["Privacy_ListInventoryChanges"] = new("Every change of what is kept, why and how long, by version and date.", [Json(200, PrivacyJson.Default.InventoryHistory)]),
        ["Privacy_MakeSubjectRequest"] = new(
            "Asks what is kept about one person, for a copy, a correction or their erasure. The work is done in the background. Sent again with the same requestId it is the same request; another one under that id is refused with 409.",
            [Json(202, SubjectJson.Default.SubjectRequestReply), Json(200, SubjectJson.Default.SubjectRequestReply)])
        {
            Body = SubjectJson.Default.MakeSubjectRequest,
        },
        ["Privacy_ListSubjectRequests"] = new("The requests of the resource, the newest first.", [Json(200, SubjectJson.Default.SubjectRequestList)])
        {
            Query =
            [
                ("maxPageSize", "Requests in a page.", new JsonObject { ["type"] = "integer", ["minimum"] = 1, ["maximum"] = SubjectRequestEndpoints.PageMax, ["default"] = SubjectRequestEndpoints.PageMax }),
                ("continuation", "Where the page begins, from a nextLink.", new JsonObject { ["type"] = "string" }),
            ],
        },
        ["Privacy_GetSubjectRequest"] = new("A request and where it stands.", [Json(200, SubjectJson.Default.SubjectRequestReply)]),
        ["Privacy_CancelSubjectRequest"] = new("Cancels a request that has not begun; one that has is refused with 409.", [new Answer(204, null, null)]),
        ["Privacy_GetSubjectResult"] = new("What was found, or changed, by kind; and the archives of an export. An erasure has a receipt instead.", [Json(200, SubjectJson.Default.SubjectResult)]),
        ["Privacy_GetSubjectFile"] = new("An archive of an export, a ZIP. That it was handed out is written into the audit log first.", [new Answer(200, "application/zip", null)]),
        ["Privacy_GetReceipt"] = new("The receipt of an erasure, with the proof that the audit log has it. It is pending until a checkpoint covers it.", [Json(200, SubjectJson.Default.SubjectReceipt)]),
        ["Privacy_GetDescription"] = new("This description.", [new Answer(200, "application/json", null)]),
    };

    /// <summary>What the types do not say: bounds and choices, by type and member.</summary>
    private static readonly Dictionary<(Type, string), Func<JsonObject>> Bounds = new()
    {
        [(typeof(MakeSubjectRequest), "kind")] = () => OneOf(Enum.GetNames<SubjectRequestKind>().Select(Lower)),
        [(typeof(MakeSubjectRequest), "identifiers")] = () => Items(SubjectRequestEndpoints.IdentifiersMax),
        [(typeof(MakeSubjectRequest), "reason")] = () => Text(AuditNote.TextMax),
        [(typeof(MakeSubjectRequest), "changes")] = () => Items(SubjectRequestEndpoints.ChangesMax),
        [(typeof(SubjectIdentifier), "type")] = () => OneOf(Identifier.OfPeople),
        [(typeof(SubjectIdentifier), "value")] = () => Text(SubjectRequestEndpoints.IdentifierMax),
        [(typeof(SubjectRequestReply), "kind")] = () => OneOf(Enum.GetNames<SubjectRequestKind>().Select(Lower)),
        [(typeof(SubjectRequestReply), "state")] = () => OneOf(Enum.GetNames<SubjectRequestState>().Select(Lower)),
        [(typeof(CommittedIdentifier), "type")] = () => OneOf(Identifier.OfPeople),
        [(typeof(SubjectReceipt), "state")] = () => OneOf([SubjectReceipt.Pending, SubjectReceipt.Complete]),
        [(typeof(SubjectReceipt), "statement")] = () => new JsonObject
        {
            ["contentMediaType"] = "application/json",
            ["contentSchema"] = new JsonObject { ["$ref"] = SchemaPath + nameof(ErasureStatement) },
        },
    };

    /// <summary>Members that a request must have. Its types allow their absence, so that everything that is wrong is told at once.</summary>
    private static readonly Dictionary<Type, string[]> Demanded = new()
    {
        [typeof(MakeSubjectRequest)] = ["requestId", "kind", "identifiers", "reason"],
        [typeof(SubjectIdentifier)] = ["type", "value"],
        [typeof(SubjectChange)] = ["kind", "member", "value"],
    };

    /// <summary>The description, with two spaces for each level and a line feed at the end.</summary>
    public static string Of(IEnumerable<Operation> operations)
    {
        var schemas = new SortedDictionary<string, JsonNode>(StringComparer.Ordinal);
        SchemaOf(SubjectJson.Default.ErasureStatement, schemas);
        var paths = new JsonObject();
        foreach (var operation in operations.OrderBy(operation => operation.Path, StringComparer.Ordinal).ThenBy(operation => operation.Method, StringComparer.Ordinal))
        {
            var path = paths[operation.Path] as JsonObject;
            if (path is null)
            {
                paths[operation.Path] = path = [];
            }

            path[operation.Method.ToLowerInvariant()] = Describe(operation, schemas);
        }

        schemas["Problem"] = ProblemSchema(isDetail: false);
        schemas["ProblemDetail"] = ProblemSchema(isDetail: true);
        var document = new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "Domicile: privacy",
                ["version"] = "1",
                ["description"] = "What is kept about people in one resource: shown, handed over, corrected, erased, with proof. Served at the resource's own origin.",
            },
            ["servers"] = new JsonArray(new JsonObject { ["url"] = "/" }),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["securitySchemes"] = new JsonObject
                {
                    [Scheme] = new JsonObject
                    {
                        ["type"] = "http",
                        ["scheme"] = "bearer",
                        ["bearerFormat"] = "JWT",
                        ["description"] = "A token of an administrator of the geography, minted at its administration origin. x-roles says which roles an operation is open to.",
                    },
                },
                ["responses"] = new JsonObject { ["Problem"] = Content("What is wrong (RFC 9457).", "application/problem+json", Reference("Problem")) },
                ["schemas"] = new JsonObject(schemas.Select(schema => KeyValuePair.Create(schema.Key, (JsonNode?)schema.Value))),
            },
        };
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, new JsonWriterOptions { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            document.WriteTo(writer);
        }

        return Encoding.UTF8.GetString(bytes.ToArray()) + "\n";
    }

    private static JsonObject Describe(Operation operation, SortedDictionary<string, JsonNode> schemas)
    {
        var told = Words.GetValueOrDefault(operation.Name) ?? throw new InvalidOperationException($"{operation.Name} has no words in {nameof(PrivacyDescription)}.");
        var described = new JsonObject { ["operationId"] = operation.Name, ["summary"] = told.Summary };
        var parameters = new JsonArray();
        foreach (var name in RouteParameter().Matches(operation.Path).Select(match => match.Groups[1].Value))
        {
            var schema = name == "number" ? new JsonObject { ["type"] = "integer", ["minimum"] = 1 } : new JsonObject { ["type"] = "string", ["format"] = "uuid" };
            parameters.Add((JsonNode)new JsonObject { ["name"] = name, ["in"] = "path", ["required"] = true, ["schema"] = schema });
        }

        foreach (var (name, description, schema) in told.Query)
        {
            parameters.Add((JsonNode)new JsonObject { ["name"] = name, ["in"] = "query", ["description"] = description, ["schema"] = schema.DeepClone() });
        }

        if (parameters.Count > 0)
        {
            described["parameters"] = parameters;
        }

        if (told.Body is { } body)
        {
            described["requestBody"] = new JsonObject
            {
                ["required"] = true,
                ["description"] = string.Create(CultureInfo.InvariantCulture, $"{operation.BodyLimit} bytes at most."),
                ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = SchemaOf(body, schemas) } },
            };
        }

        var responses = new JsonObject();
        foreach (var answer in told.Answers.OrderBy(answer => answer.Status))
        {
            var meaning = answer.Status switch { 202 => "Accepted.", 204 => "Done.", _ => "What was asked for." };
            responses[answer.Status.ToString(CultureInfo.InvariantCulture)] = answer.ContentType is null
                ? new JsonObject { ["description"] = meaning }
                : Content(meaning, answer.ContentType, answer.Body is { } type ? SchemaOf(type, schemas) : new JsonObject());
        }

        responses["default"] = new JsonObject { ["$ref"] = "#/components/responses/Problem" };
        described["responses"] = responses;
        if (operation.Access.Kind == AccessKind.Open)
        {
            described["security"] = new JsonArray();
        }
        else
        {
            described["security"] = new JsonArray(new JsonObject { [Scheme] = new JsonArray() });
            described["x-roles"] = new JsonArray([.. operation.Access.Roles.Select(role => (JsonNode?)role)]);
        }

        return described;
    }

    private static JsonNode SchemaOf(JsonTypeInfo type, SortedDictionary<string, JsonNode> schemas)
    {
        // How deep a body may be is no bound for what describes it.
        var options = new JsonSerializerOptions(type.Options) { MaxDepth = DescribedDepth };
        return options.GetTypeInfo(type.Type).GetJsonSchemaAsNode(new JsonSchemaExporterOptions { TransformSchemaNode = (context, schema) => Transform(context, schema, schemas) });
    }

    /// <summary>Gives each type of the contract a schema of its own, says what is always there, and adds bounds. No member of ours is null: what is absent is left out.</summary>
    private static JsonNode Transform(JsonSchemaExporterContext context, JsonNode schema, SortedDictionary<string, JsonNode> schemas)
    {
        var type = Nullable.GetUnderlyingType(context.TypeInfo.Type) ?? context.TypeInfo.Type;
        if (type == typeof(DateTimeOffset))
        {
            return Instant();
        }

        if (schema is not JsonObject described)
        {
            return schema;
        }

        WithoutNull(described);
        described.Remove("default");
        if (context.PropertyInfo is { } member && Bounds.GetValueOrDefault((member.DeclaringType, member.Name)) is { } bounds)
        {
            foreach (var (name, value) in bounds())
            {
                described[name] = value?.DeepClone();
            }
        }

        if (context.TypeInfo.Kind != JsonTypeInfoKind.Object)
        {
            return described;
        }

        foreach (var property in context.TypeInfo.Properties.Where(property => (Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType) == typeof(DateTimeOffset)))
        {
            // An instant whose parameter has a default comes here as a schema that says the default and nothing else.
            described["properties"]![property.Name] = Instant();
        }

        var always = Demanded.GetValueOrDefault(type)
            ?? [.. context.TypeInfo.Properties.Where(property => !property.IsGetNullable && Nullable.GetUnderlyingType(property.PropertyType) is null).Select(property => property.Name)];
        described.Remove("required");
        described["required"] = new JsonArray([.. always.Select(name => (JsonNode?)name)]);
        if (schemas.TryGetValue(type.Name, out var known) && !JsonNode.DeepEquals(known, described))
        {
            throw new InvalidOperationException($"Two types of the contract are called {type.Name}.");
        }

        schemas[type.Name] = described;
        return Reference(type.Name);
    }

    private static void WithoutNull(JsonObject schema)
    {
        if (schema["type"] is JsonArray types)
        {
            var left = types.Select(type => type!.GetValue<string>()).Where(type => type != "null").ToList();
            schema["type"] = left is [var only] ? only : new JsonArray([.. left.Select(type => (JsonNode?)type)]);
        }

        if (schema["enum"] is JsonArray choices)
        {
            schema["enum"] = new JsonArray([.. choices.Where(choice => choice is not null).Select(choice => choice!.DeepClone())]);
        }
    }

    /// <summary>What the server writes for a <see cref="Problem"/>.</summary>
    private static JsonObject ProblemSchema(bool isDetail)
    {
        var properties = new JsonObject
        {
            ["type"] = new JsonObject { ["type"] = "string", ["description"] = "A stable path that names the problem." },
            ["title"] = new JsonObject { ["type"] = "string" },
            ["code"] = new JsonObject { ["type"] = "string" },
            ["target"] = new JsonObject { ["type"] = "string", ["description"] = "The member of the request that is at fault." },
        };
        if (isDetail)
        {
            return new JsonObject { ["type"] = "object", ["properties"] = properties, ["required"] = new JsonArray("type", "title", "code") };
        }

        properties["status"] = new JsonObject { ["type"] = "integer" };
        properties["requestId"] = new JsonObject { ["type"] = "string" };
        properties["errors"] = new JsonObject { ["type"] = "array", ["description"] = "Everything that is wrong, when it is more than one thing.", ["items"] = Reference("ProblemDetail") };
        return new JsonObject { ["type"] = "object", ["properties"] = properties, ["required"] = new JsonArray("type", "title", "code", "status", "requestId") };
    }

    private static JsonObject Content(string description, string type, JsonNode schema) =>
        new() { ["description"] = description, ["content"] = new JsonObject { [type] = new JsonObject { ["schema"] = schema } } };

    private static JsonObject Instant() => new() { ["type"] = "string", ["format"] = "date-time" };

    private static JsonObject Reference(string name) => new() { ["$ref"] = SchemaPath + name };

    private static JsonObject OneOf(IEnumerable<string> choices) => new() { ["enum"] = new JsonArray([.. choices.Select(choice => (JsonNode?)choice)]) };

    private static JsonObject Items(int most) => new() { ["minItems"] = 1, ["maxItems"] = most };

    private static JsonObject Text(int most) => new() { ["minLength"] = 1, ["maxLength"] = most };

    private static string Lower(string name) => name.ToLowerInvariant();

    private static Answer Json(int status, JsonTypeInfo body) => new(status, "application/json", body);

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex RouteParameter();

    /// <summary>What is said of an operation.</summary>
    private sealed record Told(string Summary, IReadOnlyList<Answer> Answers)
    {
        public JsonTypeInfo? Body { get; init; }

        public IReadOnlyList<(string Name, string Description, JsonObject Schema)> Query { get; init; } = [];
    }

    /// <summary>A good answer.</summary>
    private sealed record Answer(int Status, string? ContentType, JsonTypeInfo? Body);
}
