"""What the tests share: servers that do what a script says, documents, frames, and the
package under test.
"""

# First of all: where the package has another name, it makes `promptjuggler` stand for it.
from helpers import package as package
