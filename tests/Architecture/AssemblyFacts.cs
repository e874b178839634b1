using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace Domicile.Tests.Architecture;

/// <summary>A type as a rule sees it.</summary>
/// <param name="Assembly">The assembly's simple name.</param>
/// <param name="Namespace">The namespace; empty for what the compiler made outside any.</param>
/// <param name="Name">The outermost type's name, without arity: nested and generated types count as the one around them.</param>
internal sealed record TypeFact(string Assembly, string Namespace, string Name)
{
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}.{Name}";
}

/// <summary>That one type's code names another type, or a member of it.</summary>
/// <param name="User">Who names.</param>
/// <param name="Used">What is named.</param>
/// <param name="IsPublic">Whether what is named can be seen outside its assembly; true for other assemblies' types, which the compiler has checked.</param>
internal sealed record UseFact(TypeFact User, TypeFact Used, bool IsPublic);

/// <summary>
/// Which types the code of an assembly names, read from the built file: in signatures, bases, attributes and every instruction. What a source file says and the
/// compiler did not keep (an unused using, nameof, a constant) is no dependency.
/// </summary>
internal sealed class AssemblyFacts : IDisposable
{
    private static readonly Dictionary<ushort, OperandType> Operands = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => (ushort)code.Value, code => code.OperandType);

    private readonly PEReader _file;
    private readonly MetadataReader _metadata;
    private readonly string _assembly;
    private readonly HashSet<UseFact> _uses = [];
    private TypeFact _user = new("", "", "");

    private AssemblyFacts(Stream stream)
    {
        _file = new PEReader(stream);
        _metadata = _file.GetMetadataReader();
        _assembly = _metadata.GetString(_metadata.GetAssemblyDefinition().Name);
    }

    public static IReadOnlyCollection<UseFact> UsesOf(Assembly assembly)
    {
        using var stream = File.OpenRead(assembly.Location);
        return UsesOf(stream);
    }

    public static IReadOnlyCollection<UseFact> UsesOf(Stream assembly)
    {
        using var facts = new AssemblyFacts(assembly);
        facts.Read();
        return facts._uses;
    }

    public void Dispose() => _file.Dispose();

    private void Read()
    {
        foreach (var handle in _metadata.TypeDefinitions)
        {
            var type = _metadata.GetTypeDefinition(handle);
            _user = Outermost(handle);
            Use(type.BaseType);
            Attributes(type.GetCustomAttributes());
            foreach (var implementation in type.GetInterfaceImplementations())
            {
                Use(_metadata.GetInterfaceImplementation(implementation).Interface);
            }

            foreach (var parameter in type.GetGenericParameters())
            {
                foreach (var constraint in _metadata.GetGenericParameter(parameter).GetConstraints())
                {
                    Use(_metadata.GetGenericParameterConstraint(constraint).Type);
                }
            }

            foreach (var field in type.GetFields().Select(_metadata.GetFieldDefinition))
            {
                Signature(field.Signature);
                Attributes(field.GetCustomAttributes());
            }

            foreach (var property in type.GetProperties().Select(_metadata.GetPropertyDefinition))
            {
                Attributes(property.GetCustomAttributes());
            }

            foreach (var method in type.GetMethods().Select(_metadata.GetMethodDefinition))
            {
                Signature(method.Signature);
                Attributes(method.GetCustomAttributes());
                if (method.RelativeVirtualAddress != 0)
                {
                    Body(_file.GetMethodBody(method.RelativeVirtualAddress));
                }
            }
        }
    }

    private void Attributes(CustomAttributeHandleCollection attributes)
    {
        foreach (var attribute in attributes)
        {
            Use(_metadata.GetCustomAttribute(attribute).Constructor);
        }
    }

    private void Body(MethodBodyBlock body)
    {
        if (!body.LocalSignature.IsNil)
        {
            Signature(_metadata.GetStandaloneSignature(body.LocalSignature).Signature);
        }

        foreach (var region in body.ExceptionRegions)
        {
            Use(region.CatchType);
        }

        var code = body.GetILReader();
        while (code.RemainingBytes > 0)
        {
            ushort operation = code.ReadByte();
            if (operation == 0xFE)
            {
                operation = (ushort)(0xFE00 | code.ReadByte());
            }

            switch (Operands[operation])
            {
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                    code.Offset += 1;
                    break;
                case OperandType.InlineVar:
                    code.Offset += 2;
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    code.Offset += 8;
                    break;
                case OperandType.InlineSwitch:
                    var targets = code.ReadInt32();
                    code.Offset += 4 * targets;
                    break;
                case OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType:
                    Use(MetadataTokens.EntityHandle(code.ReadInt32()));
                    break;
                case OperandType.InlineSig:
                    Signature(_metadata.GetStandaloneSignature((StandaloneSignatureHandle)MetadataTokens.EntityHandle(code.ReadInt32())).Signature);
                    break;
                default:
                    code.Offset += 4;
                    break;
            }
        }
    }

    private void Use(EntityHandle handle)
    {
        if (handle.IsNil)
        {
            return;
        }

        switch (handle.Kind)
        {
            case HandleKind.TypeReference:
                _uses.Add(new UseFact(_user, Outermost((TypeReferenceHandle)handle), true));
                break;
            case HandleKind.TypeDefinition:
                UseOwn((TypeDefinitionHandle)handle, isPublicMember: true);
                break;
            case HandleKind.TypeSpecification:
                _metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(new Collector(this), this);
                break;
            case HandleKind.MethodDefinition:
                var method = _metadata.GetMethodDefinition((MethodDefinitionHandle)handle);
                UseOwn(method.GetDeclaringType(), (method.Attributes & MethodAttributes.MemberAccessMask) is MethodAttributes.Public or MethodAttributes.Family or MethodAttributes.FamORAssem);
                break;
            case HandleKind.FieldDefinition:
                var field = _metadata.GetFieldDefinition((FieldDefinitionHandle)handle);
                UseOwn(field.GetDeclaringType(), (field.Attributes & FieldAttributes.FieldAccessMask) is FieldAttributes.Public or FieldAttributes.Family or FieldAttributes.FamORAssem);
                break;
            case HandleKind.MemberReference:
                var member = _metadata.GetMemberReference((MemberReferenceHandle)handle);
                Use(member.Parent);
                Signature(member.Signature);
                break;
            case HandleKind.MethodSpecification:
                var made = _metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                Use(made.Method);
                Signature(made.Signature);
                break;
        }
    }

    private void UseOwn(TypeDefinitionHandle handle, bool isPublicMember)
    {
        var isPublic = isPublicMember;
        for (var at = handle; !at.IsNil; at = _metadata.GetTypeDefinition(at).GetDeclaringType())
        {
            isPublic &= (_metadata.GetTypeDefinition(at).Attributes & TypeAttributes.VisibilityMask)
                is TypeAttributes.Public or TypeAttributes.NestedPublic or TypeAttributes.NestedFamily or TypeAttributes.NestedFamORAssem;
        }

        _uses.Add(new UseFact(_user, Outermost(handle), isPublic));
    }

    private void Signature(BlobHandle signature)
    {
        var reader = _metadata.GetBlobReader(signature);
        var kind = reader.ReadSignatureHeader().Kind;
        var decoder = new SignatureDecoder<bool, AssemblyFacts>(new Collector(this), _metadata, this);
        reader = _metadata.GetBlobReader(signature);
        switch (kind)
        {
            case SignatureKind.Field:
                decoder.DecodeFieldSignature(ref reader);
                break;
            case SignatureKind.Method or SignatureKind.Property:
                decoder.DecodeMethodSignature(ref reader);
                break;
            case SignatureKind.LocalVariables:
                decoder.DecodeLocalSignature(ref reader);
                break;
            case SignatureKind.MethodSpecification:
                decoder.DecodeMethodSpecificationSignature(ref reader);
                break;
            default:
                throw new BadImageFormatException($"A signature of kind {kind} was not expected.");
        }
    }

    private TypeFact Outermost(TypeDefinitionHandle handle)
    {
        var type = _metadata.GetTypeDefinition(handle);
        while (!type.GetDeclaringType().IsNil)
        {
            type = _metadata.GetTypeDefinition(type.GetDeclaringType());
        }

        return new TypeFact(_assembly, _metadata.GetString(type.Namespace), Plain(_metadata.GetString(type.Name)));
    }

    private TypeFact Outermost(TypeReferenceHandle handle)
    {
        var type = _metadata.GetTypeReference(handle);
        while (type.ResolutionScope.Kind == HandleKind.TypeReference)
        {
            type = _metadata.GetTypeReference((TypeReferenceHandle)type.ResolutionScope);
        }

        var assembly = type.ResolutionScope.Kind == HandleKind.AssemblyReference
            ? _metadata.GetString(_metadata.GetAssemblyReference((AssemblyReferenceHandle)type.ResolutionScope).Name)
            : _assembly;
        return new TypeFact(assembly, _metadata.GetString(type.Namespace), Plain(_metadata.GetString(type.Name)));
    }

    private static string Plain(string name) => name.Split('`')[0];

    /// <summary>Is asked for each type that a signature names; the types it makes of them are of no interest.</summary>
    private sealed class Collector(AssemblyFacts facts) : ISignatureTypeProvider<bool, AssemblyFacts>
    {
        public bool GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => Take(handle);

        public bool GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => Take(handle);

        public bool GetTypeFromSpecification(MetadataReader reader, AssemblyFacts genericContext, TypeSpecificationHandle handle, byte rawTypeKind) => Take(handle);

        public bool GetArrayType(bool elementType, ArrayShape shape) => true;

        public bool GetByReferenceType(bool elementType) => true;

        public bool GetFunctionPointerType(MethodSignature<bool> signature) => true;

        public bool GetGenericInstantiation(bool genericType, ImmutableArray<bool> typeArguments) => true;

        public bool GetGenericMethodParameter(AssemblyFacts genericContext, int index) => true;

        public bool GetGenericTypeParameter(AssemblyFacts genericContext, int index) => true;

        public bool GetModifiedType(bool modifier, bool unmodifiedType, bool isRequired) => true;

        public bool GetPinnedType(bool elementType) => true;

        public bool GetPointerType(bool elementType) => true;

        public bool GetPrimitiveType(PrimitiveTypeCode typeCode) => true;

        public bool GetSZArrayType(bool elementType) => true;

        private bool Take(EntityHandle handle)
        {
            facts.Use(handle);
            return true;
        }
    }
}
