using System.Security.Cryptography;
using Domicile.Residency;

namespace Domicile.Tests.Residency;

public sealed class MerkleTests
{
    // The leaves and roots with which implementations of RFC 6962 are compared.
    private static readonly string[] Leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

    private static readonly string[] Roots =
    [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    [Fact]
    public void The_roots_are_those_that_are_known()
    {
        var edge = new MerkleEdge();
        Assert.Equal(Roots[0], Convert.ToHexStringLower(edge.Root));
        for (var i = 0; i < Leaves.Length; i++)
        {
            edge.Append(MerkleHash.OfLeaf(Convert.FromHexString(Leaves[i])));
            Assert.Equal(Roots[i + 1], Convert.ToHexStringLower(edge.Root));
        }
    }

    [Fact]
    public void The_known_proof_is_made_and_holds()
    {
        // Leaf 0 of the eight, as the RFC's reference implementation proves it.
        var hashes = Leaves.Select(leaf => MerkleHash.OfLeaf(Convert.FromHexString(leaf))).ToList();
        var proof = Hashes(hashes, MerkleProof.ForInclusion(0, 8)).Select(Convert.ToHexStringLower);
        Assert.Equal(
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
            proof);
    }

    [Fact]
    public void Every_root_and_every_proof_is_that_of_the_definition()
    {
        var leaves = Some(66);
        var edge = new MerkleEdge();
        for (var size = 1; size <= leaves.Count; size++)
        {
            edge.Append(leaves[size - 1]);
            var root = Naive(leaves, 0, size);
            Assert.Equal(root, edge.Root);
            for (var index = 0; index < size; index++)
            {
                var proof = Hashes(leaves, MerkleProof.ForInclusion(index, size));
                Assert.Equal(NaivePath(leaves, index, 0, size), proof);
                Assert.True(MerkleProof.IsIncluded(leaves[index], index, size, proof, root));
            }

            for (var first = 0; first <= size; first++)
            {
                var proof = Hashes(leaves, MerkleProof.ForConsistency(first, size));
                Assert.True(MerkleProof.IsContinued(first, Naive(leaves, 0, first), size, root, proof), $"{first} to {size}");
            }
        }
    }

    [Fact]
    public void A_proof_of_anything_else_does_not_hold()
    {
        var random = new Random(20_260_601);
        var leaves = Some(40);
        for (var round = 0; round < 2_000; round++)
        {
            var size = random.Next(2, leaves.Count + 1);
            var (index, first) = (random.Next(size), random.Next(1, size));
            var (root, before) = (Naive(leaves, 0, size), Naive(leaves, 0, first));
            var inclusion = Hashes(leaves, MerkleProof.ForInclusion(index, size)).ToList();
            var consistency = Hashes(leaves, MerkleProof.ForConsistency(first, size)).ToList();
            var wrong = RandomNumberGenerator.GetBytes(MerkleHash.Bytes);

            Assert.False(MerkleProof.IsIncluded(wrong, index, size, inclusion, root));
            Assert.False(MerkleProof.IsIncluded(leaves[index], index, size, inclusion, wrong));
            Assert.False(MerkleProof.IsIncluded(leaves[index], (index + 1) % size, size, inclusion, root));
            Assert.False(MerkleProof.IsIncluded(leaves[index], index, size, Changed(inclusion, random), root));
            Assert.False(MerkleProof.IsContinued(first, wrong, size, root, consistency));
            Assert.False(MerkleProof.IsContinued(first, before, size, wrong, consistency));
            Assert.False(MerkleProof.IsContinued(first, before, size, root, Changed(consistency, random)));
            Assert.False(MerkleProof.IsContinued(size, root, first, before, consistency));
        }
    }

    [Theory]
    [InlineData(-1, 5)]
    [InlineData(5, 5)]
    [InlineData(0, 0)]
    public void There_is_no_proof_of_a_leaf_that_is_not_there(long index, long size)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => MerkleProof.ForInclusion(index, size));
        Assert.False(MerkleProof.IsIncluded(MerkleHash.Empty, index, size, [], MerkleHash.Empty));
    }

    [Fact]
    public void A_proof_of_hashes_that_are_none_or_too_many_does_not_hold()
    {
        Assert.False(MerkleProof.IsIncluded(MerkleHash.Empty, 0, 2, [[1, 2, 3]], MerkleHash.Empty));
        Assert.False(MerkleProof.IsIncluded(MerkleHash.Empty, 0, 2, [.. Enumerable.Repeat(MerkleHash.Empty, 65)], MerkleHash.Empty));
        Assert.False(MerkleProof.IsContinued(1, MerkleHash.Empty, 2, MerkleHash.Empty, [[]]));
        Assert.False(MerkleProof.IsContinued(0, Some(1)[0], 2, MerkleHash.Empty, []));
    }

    [Fact]
    public void A_tree_in_tiles_is_the_same_tree()
    {
        var leaves = Some((256 * 256) + 300);
        var tiles = new List<List<byte[]>> { leaves };
        while (tiles[^1].Count >= MerkleTile.Width)
        {
            tiles.Add([.. tiles[^1].Chunk(MerkleTile.Width).Where(tile => tile.Length == MerkleTile.Width).Select(tile => MerkleTile.Join([.. tile.SelectMany(hash => hash)], 0, MerkleTile.Width))]);
        }

        var edge = new MerkleEdge();
        leaves.ForEach(edge.Append);
        var root = MerkleNode.Join([.. MerkleNode.Of(0, leaves.Count).Select(FromTile)]);
        Assert.Equal(3, tiles.Count);
        Assert.Equal(edge.Root, root);
        foreach (var index in (long[])[0, 255, 256, 65_535, 65_536, leaves.Count - 1])
        {
            List<byte[]> proof = [.. MerkleProof.ForInclusion(index, leaves.Count).Select(range => MerkleNode.Join([.. range.Select(FromTile)]))];
            Assert.True(MerkleProof.IsIncluded(leaves[(int)index], index, leaves.Count, proof, root));
        }

        byte[] FromTile(MerkleNode node)
        {
            var (level, number, from, count) = MerkleTile.Of(node);
            return MerkleTile.Join([.. tiles[level].Skip((int)number * MerkleTile.Width).Take(MerkleTile.Width).SelectMany(hash => hash)], from, count);
        }
    }

    [Fact]
    public void A_tile_that_is_too_short_says_so() => Assert.Throws<InvalidDataException>(() => MerkleTile.Join(new byte[32], 0, 2));

    private static List<byte[]> Some(int count) => [.. Enumerable.Range(0, count).Select(i => MerkleHash.OfLeaf(BitConverter.GetBytes(i)))];

    private static List<byte[]> Changed(List<byte[]> proof, Random random)
    {
        List<byte[]> changed = [.. proof.Select(hash => hash.ToArray())];
        switch (random.Next(3))
        {
            case 0 when changed.Count > 0:
                changed[random.Next(changed.Count)][random.Next(MerkleHash.Bytes)] ^= 1;
                break;
            case 1 when changed.Count > 0:
                changed.RemoveAt(random.Next(changed.Count));
                break;
            default:
                changed.Insert(random.Next(changed.Count + 1), RandomNumberGenerator.GetBytes(MerkleHash.Bytes));
                break;
        }

        return changed;
    }

    private static List<byte[]> Hashes(List<byte[]> leaves, IReadOnlyList<IReadOnlyList<MerkleNode>> ranges) =>
        [.. ranges.Select(range => MerkleNode.Join([.. range.Select(node => Naive(leaves, (int)(node.Index << node.Level), (int)((node.Index + 1) << node.Level)))]))];

    /// <summary>RFC 9162 §2.1.1, word for word.</summary>
    private static byte[] Naive(List<byte[]> leaves, int begin, int end) =>
        end == begin ? SHA256.HashData([])
        : end - begin == 1 ? leaves[begin]
        : MerkleHash.OfNode(Naive(leaves, begin, begin + Split(end - begin)), Naive(leaves, begin + Split(end - begin), end));

    /// <summary>RFC 9162 §2.1.3.1, word for word.</summary>
    private static List<byte[]> NaivePath(List<byte[]> leaves, int index, int begin, int end)
    {
        if (end - begin == 1)
        {
            return [];
        }

        var middle = begin + Split(end - begin);
        return index < middle
            ? [.. NaivePath(leaves, index, begin, middle), Naive(leaves, middle, end)]
            : [.. NaivePath(leaves, index, middle, end), Naive(leaves, begin, middle)];
    }

    private static int Split(int leaves)
    {
        var split = 1;
        while (split * 2 < leaves)
        {
            split *= 2;
        }

        return split;
    }
}
