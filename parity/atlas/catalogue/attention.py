"""Attention with masks and options, and Transformer layers."""

from parity.atlas.catalogue._layers import jittor_layer, layer
from parity.atlas.entry import Entry, numeric, real, rule, weight

_X = {"x": real(4, 2, 6)}
_Q = {"x": real(2, 3, 4), "k": weight(2, 5, 4), "v": weight(2, 5, 4)}
_SDPA = "jt.attention.scaled_dot_product_attention"
_MHA = "torch.nn.MultiheadAttention(6, 2{})"
_J_MHA = "jt.attention.MultiheadAttention(6, 2{})"
_PAD = "torch.tensor([[False, False, False, True], [False, False, True, True]])"
_CAUSAL = "torch.ones(4, 4).triu(1).bool()"
_BY_HAND = """s = x @ k.transpose(0, 2, 1) / x.shape[-1] ** 0.5
mask = jt.array(np.array({mask}))
s = jt.ternary(jt.broadcast(mask, s), s, -1e30)
kept = jt.array(np.array({mask})).any(1).cast(x.dtype).reshape(-1, 1)
(jt.nn.softmax(s, dim=-1) @ v) * kept"""
_ROWS = "[[True, True, False, False, False], [False] * 5, [True] * 5]"
_BOOLEAN = (
    "A mask of booleans raises an exception: pass one of numbers that are added to the scores."
)


def _multihead(
    name: str, options: str = "", call: str = "m(x, x, x)[0]", jittor_call: str = "",
    workaround: str = "", note: str = "",
) -> Entry:  # fmt: skip
    return layer(
        f"MultiheadAttention{name}", _MHA.format(options), call, jittor=_J_MHA.format(options),
        jittor_call=jittor_call, workaround=workaround, note=note, cases=("ordinary",), inputs=_X,
    )  # fmt: skip


_J_CAUSAL = "jt.triu(jt.ones((4, 4)), 1).bool()"
_J_PAD = _PAD.replace("torch.tensor(", "jt.array(")
ENTRIES = (
    _multihead(""),
    _multihead(", weights", call="m(x, x, x)[1]"),
    _multihead(", weights of each head", call="m(x, x, x, average_attn_weights=False)[1]"),
    _multihead(", no weights", call="m(x, x, x, need_weights=False)[0]"),
    _multihead(", batch_first", ", batch_first=True"),
    _multihead(" without bias", ", bias=False"),
    _multihead(", additional bias", ", add_bias_kv=True"),
    _multihead(", zero attention", ", add_zero_attn=True"),
    _multihead(", other key", call="m(x, x[:3] * 2, x[:3])[0]"),
    _multihead(", causal mask of booleans", call=f"m(x, x, x, attn_mask={_CAUSAL})[0]",
               jittor_call=f"m(x, x, x, attn_mask={_J_CAUSAL})[0]"),
    _multihead(", causal mask of numbers",
               call="m(x, x, x, attn_mask=torch.full((4, 4), -np.inf, dtype=x.dtype).triu(1))[0]",
               jittor_call="m(x, x, x, attn_mask=jt.ternary(jt.triu(jt.ones((4, 4)), 1) > 0, "
               "-np.inf, 0.0).cast(x.dtype))[0]"),
    _multihead(", padded keys", call=f"m(x, x, x, key_padding_mask={_PAD})[0]",
               jittor_call=f"m(x, x, x, key_padding_mask={_J_PAD})[0]"),
    _multihead(", padded keys and a causal mask",
               call=f"m(x, x, x, key_padding_mask={_PAD}, attn_mask={_CAUSAL})[0]",
               jittor_call=f"m(x, x, x, key_padding_mask={_J_PAD}, attn_mask={_J_CAUSAL})[0]"),
    layer("MultiheadAttention, other sizes of key and value",
          "torch.nn.MultiheadAttention(6, 2, kdim=3, vdim=4)", "m(x, k, v)[0]",
          jittor="jt.attention.MultiheadAttention(6, 2, kdim=3, vdim=4)", cases=("ordinary",),
          x=real(4, 2, 6), k=weight(3, 2, 3), v=weight(3, 2, 4)),
    rule("MultiheadAttention in nn", "torch.nn.MultiheadAttention(6, 2).num_heads",
         workaround="jt.attention.MultiheadAttention(6, 2).num_heads",
         note="It is in `jt.attention`."),
    rule("names of MultiheadAttention's parameters",
         "sorted(n for n, _ in torch.nn.MultiheadAttention(6, 2).named_parameters())",
         "sorted(n for n, _ in jt.attention.MultiheadAttention(6, 2).named_parameters())"),
    rule("mode of a new MultiheadAttention", "torch.nn.MultiheadAttention(6, 2).training",
         "jt.attention.MultiheadAttention(6, 2).is_training()"),
    rule("dropout of MultiheadAttention drops",
         "m = torch.nn.MultiheadAttention(6, 2, dropout=0.5)\nm.train()\nx = torch.ones(4, 2, 6)\n"
         "m(x, x, x)[1].min().item() == 0",
         "m = jt.attention.MultiheadAttention(6, 2, dropout=0.5)\nm.train()\n"
         "x = jt.ones((4, 2, 6))\nbool(m(x, x, x)[1].min().item() == 0)",
         note="Where it returns the weights, Jittor's layer calls dropout outside of training. "
         "With `need_weights=False` it drops."),
    rule("dropout of MultiheadAttention after eval()",
         "m = torch.nn.MultiheadAttention(6, 2, dropout=0.5)\nm.eval()\nx = torch.ones(4, 2, 6)\n"
         "m(x, x, x)[1].min().item() == 0",
         "m = jt.attention.MultiheadAttention(6, 2, dropout=0.5)\nm.eval()\n"
         "x = jt.ones((4, 2, 6))\nbool(m(x, x, x)[1].min().item() == 0)"),
    numeric("attention, scale", "F.scaled_dot_product_attention(x, k, v, scale=0.7)",
            f"{_SDPA}(x, k, v, scale=0.7)", cases=("ordinary", "large magnitude"), inputs=_Q),
    numeric("attention, mask of numbers",
            "m = torch.tensor([[0.0, -1.0, 2.0, -np.inf, 0.5]], dtype=x.dtype)\n"
            "F.scaled_dot_product_attention(x, k, v, attn_mask=m)",
            "m = jt.array([[0.0, -1.0, 2.0, -np.inf, 0.5]]).cast(x.dtype)\n"
            f"{_SDPA}(x, k, v, attn_mask=m)", cases=("ordinary", "large magnitude"), inputs=_Q),
    numeric("attention, a row masked entirely",
            f"m = torch.tensor({_ROWS})\nF.scaled_dot_product_attention(x, k, v, attn_mask=m)",
            f"m = jt.array({_ROWS})\n{_SDPA}(x, k, v, attn_mask=m)", inputs=_Q,
            cases=("ordinary", "large magnitude"), workaround=_BY_HAND.format(mask=_ROWS),
            note=f"{_BOOLEAN} PyTorch gives 0 for a row that is masked entirely."),
    numeric("attention, four dimensions", "F.scaled_dot_product_attention(x, k, v)",
            f"{_SDPA}(x, k, v)", x=real(2, 2, 3, 4), k=weight(2, 2, 5, 4), v=weight(2, 2, 5, 4),
            note='Of scores of 1e4 and more PyTorch loses digits.'),
    numeric("attention, causal, more keys than queries",
            "F.scaled_dot_product_attention(x, k, v, is_causal=True)",
            f"{_SDPA}(x, k, v, is_causal=True)", inputs=_Q),
    numeric("attention, shared keys of groups",
            "F.scaled_dot_product_attention(x, k, v, enable_gqa=True)",
            f"{_SDPA}(x, k, v, enable_gqa=True)", x=real(1, 4, 3, 2), k=weight(1, 2, 3, 2),
            v=weight(1, 2, 3, 2), note="Jittor's function has no argument `enable_gqa`.",
            workaround=f"k, v = (jt.repeat_interleave(y, 2, 1) for y in (k, v))\n{_SDPA}(x, k, v)"),
    numeric("attention under nn", "F.scaled_dot_product_attention(x, k, v)", inputs=_Q,
            workaround=f"{_SDPA}(x, k, v)", note="It is in `jt.attention`."),
    numeric("causal mask by triu and masked_fill",
            "s = x @ x.transpose(1, 2)\n"
            "torch.softmax(s.masked_fill(torch.ones(3, 3).triu(1) > 0, -np.inf), -1)",
            "s = x @ x.transpose(1, 2)\n"
            "jt.nn.softmax(s.masked_fill(jt.ones((3, 3)).triu(1) > 0, -np.inf), -1)",
            x=real(2, 3, 4)),
    numeric("causal mask by triu and masked_fill, broadcast",
            "s = x @ x.transpose(1, 2)\n"
            "torch.softmax(s.masked_fill((torch.ones(3, 3).triu(1) > 0)[None], -1e9), -1)",
            "s = x @ x.transpose(1, 2)\n"
            "jt.nn.softmax(s.masked_fill((jt.ones((3, 3)).triu(1) > 0)[None], -1e9), -1)",
            x=real(2, 3, 4)),
    rule("generate_square_subsequent_mask",
         "torch.nn.Transformer.generate_square_subsequent_mask(2).tolist()",
         workaround="jt.ternary(jt.triu(jt.ones((2, 2)), 1) > 0, -np.inf, 0.0).tolist()",
         note="Jittor has no `Transformer`."),
    layer("TransformerEncoderLayer",
          "torch.nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0)", "m(x)",
          jittor="jt.nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0)", cases=("ordinary",),
          inputs=_X,
          note="Jittor has no Transformer layers: write them with `jt.attention."
          "MultiheadAttention`, with the names that the weights have in PyTorch.",
          workaround="class Layer(jt.nn.Module):\n"
          "    def __init__(self):\n"
          "        self.linear1, self.linear2 = jt.nn.Linear(6, 8), jt.nn.Linear(8, 6)\n"
          "        self.norm1, self.norm2 = jt.nn.LayerNorm(6), jt.nn.LayerNorm(6)\n"
          "        self.self_attn = jt.attention.MultiheadAttention(6, 2)\n"
          "    def execute(self, x):\n"
          "        x = self.norm1(x + self.self_attn(x, x, x)[0])\n"
          "        return self.norm2(x + self.linear2(jt.nn.relu(self.linear1(x))))\n"
          + jittor_layer("Layer()") + "m(x)"),
    layer("TransformerEncoder",
          "torch.nn.TransformerEncoder(torch.nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0), 2, "
          "enable_nested_tensor=False)", "m(x)", cases=("ordinary",), inputs=_X,
          note="Jittor has no Transformer layers."),
    layer("TransformerDecoderLayer", "torch.nn.TransformerDecoderLayer(6, 2, 8, dropout=0.0)",
          "m(x, k)", cases=("ordinary",), x=real(4, 2, 6), k=weight(3, 2, 6),
          note="Jittor has no Transformer layers: write them with `jt.attention."
          "MultiheadAttention`, with the names that the weights have in PyTorch.",
          workaround="class Layer(jt.nn.Module):\n"
          "    def __init__(self):\n"
          "        self.linear1, self.linear2 = jt.nn.Linear(6, 8), jt.nn.Linear(8, 6)\n"
          "        self.norm1, self.norm2 = jt.nn.LayerNorm(6), jt.nn.LayerNorm(6)\n"
          "        self.norm3 = jt.nn.LayerNorm(6)\n"
          "        self.self_attn = jt.attention.MultiheadAttention(6, 2)\n"
          "        self.multihead_attn = jt.attention.MultiheadAttention(6, 2)\n"
          "    def execute(self, x, k):\n"
          "        x = self.norm1(x + self.self_attn(x, x, x)[0])\n"
          "        x = self.norm2(x + self.multihead_attn(x, k, k)[0])\n"
          "        return self.norm3(x + self.linear2(jt.nn.relu(self.linear1(x))))\n"
          + jittor_layer("Layer()") + "m(x, k)"),
    layer("Transformer", "torch.nn.Transformer(6, 2, 1, 1, 8, dropout=0.0)", "m(x, x[:2])",
          cases=("ordinary",), inputs=_X, note="Jittor has no Transformer layers."),
)  # fmt: skip
