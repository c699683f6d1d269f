from . import check as check
from . import graphs as graphs
from . import objective as objective
from . import onnx_graph as onnx_graph
from . import tokenizer as tokenizer
from . import web as web
from . import weights as weights
